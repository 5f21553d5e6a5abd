-- Return or move the epoch.
-- "look": {"ready"|"lost"|"busy", epoch}. "begin": {"begun"|"busy"|"ready"}. "finish": {"finished"|"lost"}.
local epoch, id, whole = redis.call('GET', S .. 'e'), replid(), ready()
local mine = 'rebuilding:' .. id .. ':' .. token
if what == 'look' then
  if whole then return {{'ready', whole}} end
  return {{redis.call('GET', S .. 'l') and 'busy' or 'lost', ''}}
elseif what == 'begin' then
  if whole then return {{'ready'}} end
  local holder = redis.call('GET', S .. 'l')
  if holder and holder ~= token then return {{'busy'}} end
  redis.call('SET', S .. 'l', token, 'PX', ms)
  redis.call('SET', S .. 'e', mine)
  return {{'begun'}}
elseif what == 'finish' then
  if epoch ~= mine or redis.call('GET', S .. 'l') ~= token then return {{'lost'}} end
  redis.call('SET', S .. 'e', id .. ':' .. token)
  redis.call('DEL', S .. 'l')
  return {{'finished'}}
end
return redis.error_reply('unknown step of an epoch: ' .. what)
