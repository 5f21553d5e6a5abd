-- Give state and slots of each pair in ARGV: {state or '', left slot, right slot, epoch}.
if not ready() then return {{'notready'}} end
local epoch = redis.call('GET', S .. 'e')
local out = {}
for at = 1, #ARGV do
  local c = cget(ARGV[at]) or {L = '', R = ''}
  local value = redis.call('GET', S .. 'p:' .. ARGV[at])
  out[#out + 1] = {value and string.match(value, '^%d+\t(.*)$') or '', c.L, c.R, epoch}
end
return out
