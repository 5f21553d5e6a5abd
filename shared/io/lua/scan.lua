-- List the pairs of one bucket: {pair, left slot, right slot} each.
if not ready() then return {{'notready'}} end
local out = {}
local rows = redis.call('HGETALL', S .. 'c:' .. ARGV[1])
for at = 1, #rows, 2 do
  local left, right = string.match(rows[at + 1], '^([^\t]*)\t(.*)$')
  out[#out + 1] = {rows[at], left, right}
end
return out
