-- Give state and slots of each pair in ARGV: {"<rev>\t<state>" or '', left slot, right slot, epoch}.
if not ready() then return {{'notready'}} end
local epoch = redis.call('GET', S .. 'e')
local out = {}
for at = 1, #ARGV do
  local c = cget(ARGV[at]) or {L = '', R = ''}
  out[#out + 1] = {redis.call('GET', S .. 'p:' .. ARGV[at]) or '', c.L, c.R, epoch}
end
return out
