-- Note that records have left their pair for good, because another one has their place there: should one come back, it
-- founds a pair of its own. Five arguments an item: ref, pair, the pair's revision on which this was decided, and the
-- living record that the pair holds there with its keys. A place that is still that of a record which left and was let
-- go is the held one's: a claim had given it away, and the pair has seen by now that it was in vain. A held one without
-- the keys that it should have left by a newer claim, whose report is still to come.
if not ready() then return {{'notready'}} end
for at = 1, #ARGV, 5 do
  local ref, pair, rev, held, keys = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local r, side, id = rget(ref), string.sub(ref, 1, 1), string.sub(ref, 2)
  local state = redis.call('GET', S .. 'p:' .. pair)
  local c = r and r.pair == pair and cget(pair)
  if c and state and string.match(state, '^%d+') == rev then
    if c[side] == '-' .. id and held ~= '' and held ~= id then
      local h = rget(side .. held)
      c[side] = ((h and h.keys ~= '' or keys == '') and ':' or '-') .. held
      cset(pair, c)
    end
    if not free(c[side]) and c[side] ~= ':' .. id then
      r.flags = 'x'
      rset(ref, r)
    end
  end
end
return {{'ok'}}
