-- Replace the state of pairs, each only if its revision is the expected one.
-- What a claim set whose report has not come by yet stays: it is newer than what the pair knows.
-- Returns for each item {"ok", poked pairs..., "", waiting...} or {"stale"}, {"changed"}, {"taken", side, pair, the record's flags},
-- {"occupied"}.
if not ready() then return {{'notready'}} end
local out = {}

-- Whether a place is that of another record of the pair, though it left: what the links know of both is told by claims.
local function given_to_another(pair, side, slot, id)
  if string.sub(slot, 1, 1) ~= '-' or slot == '-' .. id then return false end
  local other = rget(side .. string.sub(slot, 2))
  return other and other.pair == pair
end

local function swap(item)
  local pair, create, give = item.pair, item.create, item.give_to
  local ends = {}
  for _, side in ipairs({'L', 'R'}) do
    local e = item[side]
    if e.id ~= '' then
      e.ref, e.alive = side .. e.id, e.alive == '1'
      ends[side] = e
    end
  end

  -- A whole state is long, and only its revision is wanted; a number of milliseconds has thirteen digits.
  local current = string.match(redis.call('GETRANGE', S .. 'p:' .. pair, 0, 20), '^%d+')
  if (tonumber(current) or 0) ~= tonumber(item.expected) then return {'stale'} end
  for side, e in pairs(ends) do
    e.old = rget(e.ref)
    if e.old and e.old.pair ~= pair then return {'taken', side, e.old.pair, e.old.flags} end
  end
  if item.digest ~= '' then
    local _, now = component(item.origin, tonumber(limit))
    if now ~= item.digest then return {'changed'} end
  end
  local c = cget(pair) or {L = '', R = ''}
  if create ~= '' and not free(c[create]) then return {'occupied'} end
  local target
  if give ~= '' then
    target = cget(give)
    for side in pairs(ends) do
      if not target or not free(target[side]) then return {'changed'} end
    end
  end

  for side, e in pairs(ends) do
    local old = e.old
    local keys, identity = e.alive and e.keys or '', e.identity
    local slot = (e.alive and ':' or '-') .. e.id
    if old and old.keys ~= keys and e.stepped ~= '*' and not string.find(e.stepped, RS .. old.keys .. RS, 1, true) then
      keys, identity = old.keys, old.identity
      if c[side] ~= '' and c[side] ~= '*' then slot = c[side] end
    elseif not free(c[side]) and c[side] ~= ':' .. e.id or e.alive and given_to_another(pair, side, c[side], e.id) then
      slot = c[side] -- a claim gave the place to another record, which may have left since
    end
    -- A pair that let a record go and takes it after all holds it again: else the next claim would found another pair.
    local flags = old and old.flags ~= 'x' and old.flags or ''
    place(e.ref, {pair = target and give or pair, flags = flags, created = e.created,
                  identity = identity, keys = keys}, old)
    if target then target[side] = slot else c[side] = slot end
    redis.call('SREM', S .. 'h:' .. side, pair)
  end
  for side in string.gmatch(item.release, '[LR]') do
    if c[side] == '*' then c[side] = '' end
    redis.call('SREM', S .. 'h:' .. side, pair)
  end
  if create ~= '' then
    c[create] = '*' -- nothing that left counts any more: what is created takes the place
    redis.call('SADD', S .. 'h:' .. create, pair)
  end
  if target then
    cset(give, target)
    cdel(pair)
  elseif c.L == '' and c.R == '' then
    cdel(pair)
  else
    cset(pair, c)
  end
  redis.call('SET', S .. 'p:' .. pair, item.state)

  local result = holders(item.pokes, item.freed, pair, 50)
  table.insert(result, 1, 'ok')
  result[#result + 1] = ''
  if item.woken == '1' and not target then
    for _, e in pairs(ends) do
      for _, waiting in ipairs(redis.call('SMEMBERS', S .. 'w:' .. e.ref)) do result[#result + 1] = waiting end
    end
  end
  return result
end

for item in items() do out[#out + 1] = swap(item) end
return out
