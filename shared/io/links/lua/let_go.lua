-- Note that records have left their pair for good, because another one has their place there: should one come back, it
-- founds a pair of its own. A place that is still that of a record which left and was let
-- go is the held one's: a claim had given it away, and the pair has seen by now that it was in vain. A held one without
-- the keys that it should have left by a newer claim, whose report is still to come.
if not ready() then return {{'notready'}} end
for item in items() do
  local ref, pair, held = item.ref, item.pair, item.held
  local r, side, id = rget(ref), string.sub(ref, 1, 1), string.sub(ref, 2)
  local state = redis.call('GET', S .. 'p:' .. pair)
  local c = r and r.pair == pair and cget(pair)
  if c and state and string.match(state, '^%d+') == item.rev then
    if c[side] == '-' .. id and held ~= '' and held ~= id then
      local h = rget(side .. held)
      c[side] = ((h and h.keys ~= '' or item.keys == '') and ':' or '-') .. held
      cset(pair, c)
    end
    if not free(c[side]) and c[side] ~= ':' .. id then
      r.flags = 'x'
      rset(ref, r)
    end
  end
end
return {{'ok'}}
