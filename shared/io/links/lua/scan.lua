-- List the pairs of some buckets: {pair, left slot, right slot} each.
if not ready() then return {{'notready'}} end
local out = {}
for item in items() do
  local rows = redis.call('HGETALL', S .. 'c:' .. item.bucket)
  for at = 1, #rows, 2 do
    local left, right = string.match(rows[at + 1], '^([^\t]*)\t(.*)$')
    out[#out + 1] = {rows[at], left, right}
  end
end
return out
