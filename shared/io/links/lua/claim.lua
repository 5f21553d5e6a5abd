-- Say to which pair each record belongs, making a half pair for one never seen.
-- Returns for each item {what, pair, epoch}: linked, joined, new, back (new, for a record whose place in its pair was
-- taken while it was away), surplus, dead, hold.
if not ready() then return {{'notready'}} end
local epoch = redis.call('GET', S .. 'e')
local out = {}

-- A name that no pair has: the record that a pair was named after may have lost its place there.
local function unused(pair)
  while cget(pair) or redis.call('GET', S .. 'p:' .. pair) do pair = string.sub(redis.sha1hex(pair), 1, 20) end
  return pair
end

-- The pair that holds what this one gave away.
local function heir(pair)
  for _ = 1, 20 do
    local state = not cget(pair) and redis.call('GET', S .. 'p:' .. pair)
    local taker = state and string.match(state, '"absorbed_by":"([^"]+)"')
    if not taker then return pair end
    pair = taker
  end
  return pair
end

-- The pair of a record that was merged into this one, a linked one before all others.
local function pair_of_alias(side, aliases)
  local other, found = side == 'L' and 'R' or 'L', nil
  for _, alias in ipairs(split(aliases)) do
    local old = rget(side .. alias)
    local c = old and cget(old.pair)
    if c and (c[side] == ':' .. alias or c[side] == '-' .. alias) then
      if string.sub(c[other], 1, 1) == ':' then return alias, old end
      if not found then found = {alias, old} end
    end
  end
  if found then return found[1], found[2] end
end

for item in items() do
  local side, id, alive, created = item.side, item.place.id, item.place.alive == '1', item.place.created
  local identity, keys, marked = item.place.identity, item.place.keys, item.marked
  local ref = side .. id
  local known = rget(ref)
  if identity == '?' then
    identity = known and known.identity or ''
    keys = known and known.keys or ''
  end
  local c = known and cget(known.pair)
  local seated = c and (c[side] == ':' .. id or c[side] == '-' .. id)
  if c and alive and not seated and free(c[side]) then seated = true end
  -- One that lost its place is no longer its pair's when that has noticed: see let_go.
  if known and (seated or not alive or c and known.flags ~= 'x') then
    -- A record that left keeps its link, so that it can come back, but no longer its keys.
    place(ref, {pair = known.pair, flags = seated and known.flags == 'x' and '' or known.flags,
                created = created ~= '' and created or known.created,
                identity = identity ~= '' and identity or known.identity, keys = alive and keys or ''}, known)
    if seated then
      c[side] = (alive and ':' or '-') .. id
      cset(known.pair, c)
    end
    out[#out + 1] = {known.flags == 's' and 'surplus' or 'linked', known.pair, epoch}
  elseif not alive and marked == '' then
    out[#out + 1] = {'dead', '', epoch}
  else
    local what, pair = known and 'back' or 'new', item.fresh
    if marked ~= '' then marked = heir(marked) end
    local creating = marked ~= '' and cget(marked)
    creating = creating and (creating[side] == '*' or creating[side] == '')
    local alias, old = pair_of_alias(side, item.aliases)
    local flags = ''
    if alias and not creating then
      what, pair = 'joined', old.pair
      flags = old.flags == 's' and 's' or '' -- what a copy lives on in is a copy
      for _, waiting in ipairs(redis.call('SMEMBERS', S .. 'w:' .. side .. alias)) do
        redis.call('SADD', S .. 'w:' .. ref, waiting) -- who waited for the one waits for the other
      end
      place(side .. alias, {pair = old.pair, flags = old.flags, created = old.created, identity = old.identity, keys = ''}, old)
    elseif marked ~= '' then
      local c = cget(marked)
      if not c or free(c[side]) or c[side] == ':' .. id then what, pair = 'joined', marked else what = 'surplus' end
    end
    if what ~= 'joined' then pair = unused(item.fresh) end
    if what == 'surplus' then flags = 's' end
    if what == 'new' and hold == '1' and redis.call('SCARD', S .. 'h:' .. side) > 0 then
      out[#out + 1] = {'hold', '', epoch}
    else
      local c = cget(pair) or {L = '', R = ''}
      c[side] = (alive and ':' or '-') .. id
      cset(pair, c)
      place(ref, {pair = pair, flags = flags, created = created, identity = identity,
                  keys = alive and keys or ''}, known)
      out[#out + 1] = {what, pair, epoch}
    end
  end
end
return out
