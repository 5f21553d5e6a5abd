-- Return the key component of each record: {digest, member, ...} each; a member is {ref, pair,
-- flags, created, identity, left slot, right slot}.
if not ready() then return {{'notready'}} end
local out = {}
for item in items() do
  local members, digest = component(item.ref, tonumber(limit))
  table.insert(members, 1, digest)
  out[#out + 1] = members
end
return out
