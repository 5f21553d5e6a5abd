-- Note that records have left their pair for good, because another one has their place there: should one come back, it
-- founds a pair of its own. Three arguments an item: ref, pair, the pair's revision on which this was decided.
if not ready() then return {{'notready'}} end
for at = 1, #ARGV, 3 do
  local ref, pair, rev = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local r, side, id = rget(ref), string.sub(ref, 1, 1), string.sub(ref, 2)
  local state = redis.call('GET', S .. 'p:' .. pair)
  local c = r and r.pair == pair and cget(pair)
  if c and not free(c[side]) and c[side] ~= ':' .. id and state and string.match(state, '^%d+') == rev then
    r.flags = 'x'
    rset(ref, r)
  end
end
return {{'ok'}}
