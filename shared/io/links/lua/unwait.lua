-- Forget who waited.
if not ready() then return {{'notready'}} end
for item in items() do redis.call('SREM', S .. 'w:' .. item.ref, item.waiting) end
return {{'ok'}}
