-- Look at who is linked to a record, and register who waits when it is not linked yet: {pair, left slot, right slot}
-- each ('' when it is not known). Two arguments an item: ref, waiting ('' only looks). Both in one script, so that no
-- link can slip in between.
if not ready() then return {{'notready'}} end
local out = {}
for at = 1, #ARGV, 2 do
  local ref, waiting = ARGV[at], ARGV[at + 1]
  local r = rget(ref)
  local c = r and cget(r.pair) or {L = '', R = ''}
  local linked = string.sub(c.L, 1, 1) == ':' and string.sub(c.R, 1, 1) == ':'
  if waiting ~= '' and not linked then redis.call('SADD', S .. 'w:' .. ref, waiting) end
  out[#out + 1] = {r and r.pair or '', c.L, c.R}
end
return out
