-- Give the key component of each record: ARGV[1] = limit, then one ref an item. Returns {digest, member, ...} each;
-- a member is {ref, pair, flags, created, identity, left slot, right slot}.
if not ready() then return {{'notready'}} end
local out = {}
for at = 2, #ARGV do
  local members, digest = component(ARGV[at], tonumber(ARGV[1]))
  table.insert(members, 1, digest)
  out[#out + 1] = members
end
return out
