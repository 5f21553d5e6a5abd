-- Tell or move the epoch. ARGV: what, token, milliseconds.
-- "look": {"ready"|"lost"|"busy"}. "begin": {"begun"|"busy"|"ready"}. "finish": {"finished"|"lost"}.
local what, token, ms = ARGV[1], ARGV[2], ARGV[3]
local epoch, id = redis.call('GET', S .. 'e'), replid()
local mine = 'rebuilding:' .. id .. ':' .. token
if what == 'look' then
  if epoch == id then return {{'ready'}} end
  if redis.call('GET', S .. 'l') then return {{'busy'}} end
  return {{'lost'}}
elseif what == 'begin' then
  if epoch == id then return {{'ready'}} end
  local holder = redis.call('GET', S .. 'l')
  if holder and holder ~= token then return {{'busy'}} end
  redis.call('SET', S .. 'l', token, 'PX', ms)
  redis.call('SET', S .. 'e', mine)
  return {{'begun'}}
elseif what == 'finish' then
  if epoch ~= mine or redis.call('GET', S .. 'l') ~= token then return {{'lost'}} end
  redis.call('SET', S .. 'e', id)
  redis.call('DEL', S .. 'l')
  return {{'finished'}}
end
return redis.error_reply('unknown step of an epoch: ' .. what)
