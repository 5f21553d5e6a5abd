-- Return state and slots of each pair: {"<rev>\t<state>" or '', left slot, right slot, epoch}.
if not ready() then return {{'notready'}} end
local epoch = redis.call('GET', S .. 'e')
local out = {}
for item in items() do
  local c = cget(item.pair) or {L = '', R = ''}
  out[#out + 1] = {redis.call('GET', S .. 'p:' .. item.pair) or '', c.L, c.R, epoch}
end
return out
