-- What every script of a sync begins with. KEYS[1] is "{sync}e"; all keys of a sync share its hash tag, so that
-- Redis Cluster keeps them on one node although most names are computed here.
--
--   e          epoch: "<replication id>:<token>" of the Redis on which the last rebuild ended, and of that rebuild
--   l          who rebuilds at the moment (expires)
--   p:<pair>   "<rev>\t<state>"
--   r:<bucket> hash: side..id -> "<pair>\t<flags>\t<created>\t<identity>\t<keys>"
--   c:<bucket> hash: pair -> "<left>\t<right>"; a slot is "" free, "*" create granted, ":id" living, "-id" gone
--   i:<bucket> hash: key -> side..id list in the order of claim; "#" when it moved to the set k:<key>
--   w:<ref>    set of "<sync>\t<pair>" that wait for this record to be linked
--   h:<side>   set of pairs with an open create on a side whose app cannot carry markers
-- What stands between this and a script, its arguments as locals and `items()`, is written by shared/io/links/scripts.py.
local S = string.sub(KEYS[1], 1, -2)
local SEP = '\31'
local RS = '\30' -- around each of several lists of keys
local LONG = 64 -- refs under one key before the list becomes a set

local function replid()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
end

-- The epoch, when the links are whole on this Redis.
local function ready()
  local epoch, id = redis.call('GET', S .. 'e'), replid()
  return epoch and string.sub(epoch, 1, #id + 1) == id .. ':' and epoch
end

local function split(text)
  local parts = {}
  for part in string.gmatch(text, '[^\31]+') do parts[#parts + 1] = part end
  return parts
end

-- What a script has read or written of the three hashes, so that an item asks Redis for nothing that an item before it
-- knew; `false` stands for what is not there. A table that was read is the one that is remembered: who changes it must
-- write it.
local remembered, buckets = {['r:'] = {}, ['c:'] = {}, ['i:'] = {}}, {}

local function hash(kind, field)
  local bucket = buckets[field]
  if not bucket then
    bucket = string.sub(redis.sha1hex(field), 1, 3)
    buckets[field] = bucket
  end
  return S .. kind .. bucket
end

local function get(kind, field, parse)
  local value = remembered[kind][field]
  if value == nil then
    value = redis.call('HGET', hash(kind, field), field)
    if value and parse then value = parse(value) end
    remembered[kind][field] = value
  end
  return value or nil
end

local function set(kind, field, value, text)
  remembered[kind][field] = value
  redis.call('HSET', hash(kind, field), field, text)
end

local function del(kind, field)
  remembered[kind][field] = false
  redis.call('HDEL', hash(kind, field), field)
end

local function parse_link(text)
  local pair, flags, created, identity, keys = string.match(text, '^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$')
  return {pair = pair, flags = flags, created = created, identity = identity, keys = keys}
end

local function parse_places(text)
  local left, right = string.match(text, '^([^\t]*)\t(.*)$')
  return {L = left, R = right}
end

local function rget(ref) return get('r:', ref, parse_link) end
local function rset(ref, r)
  set('r:', ref, r, r.pair .. '\t' .. r.flags .. '\t' .. r.created .. '\t' .. r.identity .. '\t' .. r.keys)
end
local function rdel(ref) del('r:', ref) end
local function cget(pair) return get('c:', pair, parse_places) end
local function cset(pair, c) set('c:', pair, c, c.L .. '\t' .. c.R) end
local function cdel(pair) del('c:', pair) end
local function iget(key) return get('i:', key) end
local function iset(key, refs) set('i:', key, refs, refs) end
local function idel(key) del('i:', key) end

local function refs_of(key)
  local value = iget(key)
  if not value then return {} end
  if value == '#' then
    local refs = redis.call('SMEMBERS', S .. 'k:' .. key)
    table.sort(refs)
    return refs
  end
  return split(value)
end

local function index_add(key, ref)
  local value = iget(key)
  if not value then
    iset(key, ref)
  elseif value == '#' then
    redis.call('SADD', S .. 'k:' .. key, ref)
  else
    local refs = split(value)
    for _, known in ipairs(refs) do if known == ref then return end end
    if #refs >= LONG then
      for _, known in ipairs(refs) do redis.call('SADD', S .. 'k:' .. key, known) end
      redis.call('SADD', S .. 'k:' .. key, ref)
      iset(key, '#')
    else
      iset(key, value .. SEP .. ref)
    end
  end
end

local function index_remove(key, ref)
  local value = iget(key)
  if not value then return end
  if value == '#' then
    redis.call('SREM', S .. 'k:' .. key, ref)
    if redis.call('SCARD', S .. 'k:' .. key) == 0 then idel(key) end
    return
  end
  local left = {}
  for _, known in ipairs(split(value)) do if known ~= ref then left[#left + 1] = known end end
  if #left == 0 then idel(key) else iset(key, table.concat(left, SEP)) end
end

-- Write a record's link and bring its index entries in step with its keys.
local function place(ref, new, old)
  if old and old.keys ~= new.keys then
    local wanted = {}
    for _, key in ipairs(split(new.keys)) do wanted[key] = true end
    for _, key in ipairs(split(old.keys)) do if not wanted[key] then index_remove(key, ref) end end
  end
  if not old or old.keys ~= new.keys then
    for _, key in ipairs(split(new.keys)) do index_add(key, ref) end
  end
  rset(ref, new)
end

local function free(slot)
  return slot == '' or slot == '*' or string.sub(slot, 1, 1) == '-'
end

-- All records that share keys, directly or through others, with the record `origin`; at most `limit` + 1 of them.
local function component(origin, limit)
  local seen, queue, out, at = {[origin] = true}, {origin}, {}, 1
  while at <= #queue and at <= limit + 1 do
    local ref = queue[at]
    at = at + 1
    local r = rget(ref)
    if r then
      local c = cget(r.pair) or {L = '', R = ''}
      out[#out + 1] = {ref, r.pair, r.flags, r.created, r.identity, c.L, c.R}
      for _, key in ipairs(split(r.keys)) do
        for _, other in ipairs(refs_of(key)) do
          if not seen[other] and #queue <= limit then
            seen[other] = true
            queue[#queue + 1] = other
          end
        end
      end
    end
  end
  local lines = {}
  for _, member in ipairs(out) do lines[#lines + 1] = table.concat(member, '\t') end
  table.sort(lines)
  return out, redis.sha1hex(table.concat(lines, '\n'))
end

-- Pairs, other than `self`, that must look again: half pairs one of whose records carries one of the keys, and any
-- pair that carries a freed one, for it may have been refused because of it; at most `most`.
local function holders(keys, freed, self, most)
  local found, out, all = {}, {}, {}
  for _, key in ipairs(split(freed)) do all[key] = true end
  for _, key in ipairs(split(keys)) do
    for _, ref in ipairs(refs_of(key)) do
      local r = rget(ref)
      if r and r.pair ~= self and not found[r.pair] and #out < most then
        local c = cget(r.pair)
        if c and (all[key] or free(c.L) or free(c.R)) then
          found[r.pair] = true
          out[#out + 1] = r.pair
        end
      end
    end
  end
  return out
end
