-- Give what a step that was stored before must publish again: half pairs under its keys, and who waits for its
-- records. Three arguments an item: pair, pokes, refs. Returns {poked..., "", waiting...} each.
if not ready() then return {{'notready'}} end
local out = {}
for at = 1, #ARGV, 3 do
  local result = holders(ARGV[at + 1], '', ARGV[at], 50)
  result[#result + 1] = ''
  for _, ref in ipairs(split(ARGV[at + 2])) do
    for _, waiting in ipairs(redis.call('SMEMBERS', S .. 'w:' .. ref)) do result[#result + 1] = waiting end
  end
  out[#out + 1] = result
end
return out
