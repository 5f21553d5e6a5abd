-- Put back what the journal says, only where it is newer. Kinds: "full" and "half" states, "absorbed", "tail" (a claim that no state tells yet).
-- "given" is the tail of a record that another pair handed over, perhaps long ago: of a known record it tells nothing,
-- and whether an unknown one still has a place that was taken before, only the next claim will tell.
-- A "!" behind the kind says that the record is a copy, whose pair holds nothing else.
-- "untold" puts nothing back: what a pair decided of the message at the place `rev`, or of newer ones, may not have been told, and
-- its messages may be put off behind newer ones. That is noted in the state that stands here, for it may be newer than the journal:
-- Redis keeps most of what it holds when a replica takes over.
-- A "removed" pair was deleted with its sync: what was put back of it before is taken away, however new it was.
-- A slot that awaits its create comes as id "*". The rev of a tail is the place of the message that told of the claim (`place_at`):
-- it says more than the state only where the pair has not taken that message yet.
-- Returns {"ok", pairs of which another pair holds a record...}: that one may turn out to have let it go.
if redis.call('GET', S .. 'e') ~= 'rebuilding:' .. replid() .. ':' .. token or redis.call('GET', S .. 'l') ~= token then
  return {{'lost'}}
end
redis.call('PEXPIRE', S .. 'l', ms)

local function survives(slot, aliases)
  for _, alias in ipairs(split(aliases)) do if slot == ':' .. alias then return true end end
  return false
end

local function forget(ref, r)
  for _, key in ipairs(split(r.keys)) do index_remove(key, ref) end
  rdel(ref)
end

local function place_taken(state)
  local at = tonumber(string.match(state, '"at":(%d+)'))
  return at and at * MOST_IN_BUNDLE + (tonumber(string.match(state, '"at":%d+,"item":(%d+)')) or 0) or -1
end

local UNTOLD = ',"untold":true}'

local function remove(pair)
  local c = cget(pair) or {L = '', R = ''}
  for _, side in ipairs({'L', 'R'}) do
    local ref = side .. string.sub(c[side], 2)
    local r = rget(ref)
    if r and r.pair == pair then forget(ref, r) end
    redis.call('SREM', S .. 'h:' .. side, pair)
  end
  cdel(pair)
  redis.call('DEL', S .. 'p:' .. pair)
end

local result = {'ok'}
for item in items() do
  local pair, rev, kind, aliases = item.pair, tonumber(item.rev), item.kind, item.aliases
  local flags = string.sub(kind, -1) == '!' and 's' or nil
  if flags then kind = string.sub(kind, 1, -2) end
  local given = kind == 'given'
  if given then kind = 'tail' end
  local current = redis.call('GET', S .. 'p:' .. pair)
  local known = current and tonumber(string.match(current, '^%d+')) or 0
  if kind == 'removed' then
    remove(pair)
  elseif kind == 'untold' then
    if current and place_taken(current) >= rev and string.sub(current, -#UNTOLD) ~= UNTOLD then
      redis.call('SET', S .. 'p:' .. pair, string.sub(current, 1, -2) .. UNTOLD)
    end
  elseif kind == 'tail' or rev >= known then
    local taken = current and place_taken(current) or -1
    local c = cget(pair) or {L = '', R = ''}
    for _, side in ipairs({'L', 'R'}) do
      local id, alive, created = item[side].id, item[side].alive == '1', item[side].created
      local identity, keys = item[side].identity, item[side].keys
      local ref = side .. id
      -- An older state may have put another record there, which may be in another pair by now.
      local left = side .. string.sub(c[side], 2)
      local was = kind ~= 'tail' and id ~= '' and id ~= '*' and left ~= ref and rget(left)
      if was and was.pair == pair then forget(left, was) end
      if kind == 'absorbed' then
        if id ~= '' then
          local old = rget(ref)
          if old and old.pair == pair then forget(ref, old) end
        end
      elseif id == '*' then
        if c[side] == '' then c[side] = '*' end
        redis.call('SADD', S .. 'h:' .. side, pair)
      elseif id ~= '' then
        local old = rget(ref)
        local other = old and old.pair ~= pair and cget(old.pair)
        if identity == '?' then identity, keys = old and old.identity or '', old and old.keys or '' end
        -- Two pairs may claim one record when the worker died between two topics: the linked one keeps it.
        local weaker = other and kind == 'full' and not (string.sub(other.L, 1, 1) == ':' and string.sub(other.R, 1, 1) == ':')
        if weaker then result[#result + 1] = old.pair end
        if not old or old.pair == pair or weaker or not other and old.pair ~= pair then
          if kind == 'tail' and not given and old and old.pair == pair and rev > taken then
            -- What the claim set, for its report is still to come.
            place(ref, {pair = pair, flags = flags or old.flags, created = old.created, identity = identity, keys = alive and keys or ''}, old)
            if c[side] == '-' .. id or c[side] == ':' .. id or alive and free(c[side]) then
              c[side] = (alive and ':' or '-') .. id
            end
          elseif kind ~= 'tail' or not old and (rev < 0 or rev > taken) and (alive and (free(c[side]) or survives(c[side], aliases)) or c[side] == '' or c[side] == '*') then
            place(ref, {pair = pair, flags = flags or old and old.flags or '', created = created, identity = identity, keys = alive and keys or ''}, old)
            local merged = survives(c[side], aliases) and rget(left)
            if merged then -- as its claim did: nobody is found by it any more
              place(left, {pair = merged.pair, flags = merged.flags, created = merged.created, identity = merged.identity, keys = ''}, merged)
            end
            if not given or c[side] == '' or c[side] == '*' then c[side] = (alive and ':' or '-') .. id end
          end
        elseif kind ~= 'tail' then
          result[#result + 1] = pair
        end
      end
    end
    if kind == 'absorbed' or (c.L == '' and c.R == '') then cdel(pair) else cset(pair, c) end
    if kind ~= 'tail' then redis.call('SET', S .. 'p:' .. pair, rev .. '\t' .. item.state) end
  end
end
return {result}
