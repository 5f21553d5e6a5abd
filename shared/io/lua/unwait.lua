-- Forget who waited: two arguments an item: ref, waiting.
if not ready() then return {{'notready'}} end
for at = 1, #ARGV, 2 do redis.call('SREM', S .. 'w:' .. ARGV[at], ARGV[at + 1]) end
return {{'ok'}}
