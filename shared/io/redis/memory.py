"""The store's own scripts on an in-memory Redis: the same Lua, run by lupa, with the few commands that they use.

For tests and the protocol simulator. It can lose its newest scripts (a failover to a replica that lagged) and forget
everything (FLUSHALL).
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lupa import lua51

from shared.io.links.scripts import Call, ScriptName, load_scripts

_COMMANDS = """
local data, log, script, volatile = {}, {}, 0, {}
local replid = 'a1'
local function set(key, value)
  log[#log + 1] = {key, data[key], script}
  data[key] = value
end
local function copy(t) local n = {} for k, v in pairs(t) do n[k] = v end return n end
local function keys_of(t) local n = {} for k in pairs(t) do n[#n + 1] = k end table.sort(n) return n end
local commands = {
  GET = function(key) return data[key] or false end,
  GETRANGE = function(key, from, to) return string.sub(data[key] or '', from + 1, to + 1) end,
  SET = function(key, value, px)
    set(key, tostring(value))
    volatile[key] = px and true or nil
  end,
  DEL = function(key) set(key, nil) end,
  PEXPIRE = function(key) volatile[key] = true return 1 end,
  INFO = function() return 'role:master\\r\\nmaster_replid:' .. replid .. '\\r\\n' end,
  HGET = function(key, name) return data[key] and data[key][name] or false end,
  HSET = function(key, name, value) local t = data[key] and copy(data[key]) or {} t[name] = value set(key, t) end,
  HDEL = function(key, name)
    if data[key] and data[key][name] then
      local t = copy(data[key]) t[name] = nil
      set(key, next(t) and t or nil)
    end
  end,
  HGETALL = function(key)
    local out, t = {}, data[key] or {}
    for _, name in ipairs(keys_of(t)) do out[#out + 1] = name out[#out + 1] = t[name] end
    return out
  end,
  SADD = function(key, name)
    local t = data[key] and copy(data[key]) or {}
    if not t[name] then t[name] = true set(key, t) end
  end,
  SREM = function(key, name)
    if data[key] and data[key][name] then
      local t = copy(data[key]) t[name] = nil
      set(key, next(t) and t or nil)
    end
  end,
  SMEMBERS = function(key) return keys_of(data[key] or {}) end,
  SCARD = function(key) return #keys_of(data[key] or {}) end,
}
redis = {
  call = function(name, ...) return commands[name](...) end,
  sha1hex = function(text) return sha1(text) end,
  error_reply = function(text) error(text) end,
}
function begin() script = script + 1 end
function flush() data, log = {}, {} end
function run_out()
  -- They stay volatile: a failover may bring one back, and it expires there, too.
  for key in pairs(volatile) do data[key] = nil end
end
function failover(name)
  -- Whole scripts are lost, never half of one: replication sends a script's effects together.
  replid = name
  log = {}
end
function rollback(scripts)
  local last = script - scripts
  while #log > 0 and log[#log][3] > last do
    local entry = table.remove(log)
    data[entry[1]] = entry[2]
  end
end
function snapshot() return data end
"""


class MemoryScripts:
    """Runs the scripts in this process."""

    def __init__(
        self,
        pause: Callable[[], Awaitable[None]] | None = None,
        watch: Callable[[Call, list[list[str]]], None] | None = None,
    ) -> None:
        self._pause = pause
        self._watch = watch
        self._lua = lua51.LuaRuntime(encoding="utf-8", unpack_returned_tuples=True)
        self._lua.globals().sha1 = lambda text: hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - a name, not a secret
        self._lua.execute(_COMMANDS)
        self._texts, self._scripts = load_scripts(), dict[ScriptName, Any]()
        self._failovers = 0

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        """Run all calls."""
        if self._pause:
            await self._pause()
        answers = []
        for call in calls:
            self._lua.globals().begin()
            keys = self._lua.table_from(["{" + call.sync + "}e"])
            script = self._scripts.get(call.script) or self._compiled(call.script)
            result = script(keys, self._lua.table_from(call.args()))
            answers.append(_plain(result))
            if self._watch:
                self._watch(call, answers[-1])
        if self._pause:
            await self._pause()
        return answers

    def _compiled(self, name: ScriptName) -> Any:
        self._scripts[name] = self._lua.eval(f"function(KEYS, ARGV)\n{self._texts[name]}\nend")
        return self._scripts[name]

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does: the replication id stays."""
        self._lua.globals().flush()

    def run_out(self) -> None:
        """Expire everything that has an end, as if nobody had renewed it for long."""
        self._lua.globals().run_out()

    def failover(self, lost_scripts: int) -> None:
        """Lose the newest scripts and go on under another replication id."""
        self._failovers += 1
        self._lua.globals().rollback(lost_scripts)
        self._lua.globals().failover(f"b{self._failovers}")

    def dump(self) -> dict[str, Any]:
        """Return everything it holds, for comparing."""
        return {key: _plain_value(value) for key, value in self._lua.globals().snapshot().items()}


def _plain(value: Any) -> Any:
    if lua51.lua_type(value) == "table":
        return [_plain(value[n]) for n in range(1, len(value) + 1)]
    return value


def _plain_value(value: Any) -> Any:
    if lua51.lua_type(value) == "table":
        return {key: _plain_value(inner) for key, inner in value.items()}
    return value
