-- Look at who is linked to a record, and register who waits when it is not linked yet: {pair, left slot, right slot}
-- each ('' when it is not known). Where nobody waits it only looks. Both in one script, so that no link can slip in
-- between.
if not ready() then return {{'notready'}} end
local out = {}
for item in items() do
  local r = rget(item.ref)
  local c = r and cget(r.pair) or {L = '', R = ''}
  local linked = string.sub(c.L, 1, 1) == ':' and string.sub(c.R, 1, 1) == ':'
  if item.waiting ~= '' and not linked then redis.call('SADD', S .. 'w:' .. item.ref, item.waiting) end
  out[#out + 1] = {r and r.pair or '', c.L, c.R}
end
return out
