-- Puts drafts into order: duplicates, versions, audiences, seq, at, append, notify. All of a job happens or nothing of it.
--
-- KEYS[1]: the contract's key. ARGV: a run of values, see order.rs (what is read here is written there, in the same order).
local P, at_arg = KEYS[1], 0
local function take() at_arg = at_arg + 1; return ARGV[at_arg] end
local function number() return tonumber(take()) end
local function plain(n) return string.format('%.0f', n) end

local notify, channel = take(), take()
-- A cluster's slot that moves to another node leaves keys here and has others there: nothing is begun then. Asking for a key that
-- is nowhere fails if it moves.
if notify == 'SPUBLISH' then redis.call('EXISTS', P .. ':moves') end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local kept = redis.call('HMGET', P, 'n', 'clock', 'lost')
local n, clock, lost = tonumber(kept[1] or '0'), tonumber(kept[2] or '0'), tonumber(kept[3] or '0')

-- Logs that are named, as they stand.
local logs = {}
local function log_of(name)
  local log = logs[name]
  if not log then
    local row = redis.call('HMGET', P .. ':l:' .. name, 'epoch', 'head', 'cum')
    log = { epoch = tonumber(row[1] or '0'), head = tonumber(row[2] or '0'), cum = tonumber(row[3] or '0') }
    log.at = 0
    logs[name] = log
  end
  return log
end

-- Receipts that are known, by log and key; false where there is none.
local receipts = {}
local function receipt_of(name, key)
  local id = name .. '\0' .. key
  if receipts[id] == nil then receipts[id] = redis.call('HGET', P .. ':k:' .. name, key) end
  return receipts[id]
end

-- Compares whole numbers that are written in decimals, however large.
local function higher(a, b)
  local minus_a, minus_b = a:sub(1, 1) == '-', b:sub(1, 1) == '-'
  if minus_a ~= minus_b then return minus_b end
  if minus_a then a, b = b:sub(2), a:sub(2) end
  if #a ~= #b then return #a > #b end
  return a > b
end

-- \0 parts the words of a member's row, so it is written otherwise within them; the order stays.
local function word(text) return (text:gsub('\1', '\1\2'):gsub('%z', '\1\1')) end
local function unword(text) return (text:gsub('\1\1', '\0'):gsub('\1\2', '\1')) end

local function rows(name, prefix)
  return redis.call('ZRANGEBYLEX', P .. ':m:' .. name, '[' .. prefix, '(' .. prefix:sub(1, -2) .. '\1')
end

local function in_group(name, relation, group)
  local prefix = 'g\0' .. word(relation) .. '\0' .. word(group) .. '\0'
  local found = {}
  for i, row in ipairs(rows(name, prefix)) do found[i] = unword(row:sub(#prefix + 1)) end
  return found
end

-- Who an event is for, as the log's members are now, and what that weighs.
local function settle(name, wanted)
  if wanted == '' then return '', 0 end
  local groups, weight = {}, 0
  for _, any in ipairs(cjson.decode(wanted)) do
    local order, listed = {}, {}
    for _, part in ipairs(any) do
      local attribute, relation, values = part[1], part[2], part[3]
      if not listed[attribute] then
        listed[attribute] = { seen = {}, values = {} }
        order[#order + 1] = attribute
      end
      local into = listed[attribute]
      local function add(value)
        if not into.seen[value] then
          into.seen[value] = true
          into.values[#into.values + 1] = cjson.encode(value)
          weight = weight + #value + 24
        end
      end
      for _, value in ipairs(values) do
        if relation == '' then
          add(value)
        else
          for _, member in ipairs(in_group(name, relation, value)) do add(member) end
        end
      end
    end
    local parts = {}
    for i, attribute in ipairs(order) do
      weight = weight + #attribute
      parts[i] = '[' .. cjson.encode(attribute) .. ',[' .. table.concat(listed[attribute].values, ',') .. ']]'
    end
    groups[#groups + 1] = '[' .. table.concat(parts, ',') .. ']'
  end
  return '[' .. table.concat(groups, ',') .. ']', weight
end

local function set_member(name, relation, group, member, present)
  local r, g, m = word(relation), word(group), word(member)
  local one, two = 'g\0' .. r .. '\0' .. g .. '\0' .. m, 'm\0' .. r .. '\0' .. m .. '\0' .. g
  if present then
    redis.call('ZADD', P .. ':m:' .. name, 0, one, 0, two)
  else
    redis.call('ZREM', P .. ':m:' .. name, one, two)
  end
end

local function change(name, changes)
  for _, c in ipairs(cjson.decode(changes)) do
    local what, relation = c[1], c[2]
    if what == 'move' then
      local member, to = c[3], c[4]
      local prefix = 'm\0' .. word(relation) .. '\0' .. word(member) .. '\0'
      for _, row in ipairs(rows(name, prefix)) do
        local group = unword(row:sub(#prefix + 1))
        if group ~= to then set_member(name, relation, group, member, false) end
      end
      if to then set_member(name, relation, to, member, true) end
    else
      set_member(name, relation, c[3], c[4], what == 'join')
    end
  end
end

local function set_state(name, row, value)
  if value then
    redis.call('HSET', P .. ':s:' .. name, row, value)
    redis.call('ZADD', P .. ':n:' .. name, 0, row)
  else
    redis.call('HDEL', P .. ':s:' .. name, row)
    redis.call('ZREM', P .. ':n:' .. name, row)
  end
end

local function read_draft()
  local d = { log = take(), key = take(), id = take(), salt = take(), weight = number(), front = take(), data = take() }
  d.audience, d.changes, d.of, d.is = take(), take(), take(), take()
  d.silent = take() == '1'
  d.retain, d.states = {}, {}
  for i = 1, number() do d.retain[i] = take() end
  for i = 1, number() do d.states[i] = { take(), take() == '1', take() } end
  return d
end

-- Why a job is not done: the place of the draft, the version that there is. nil: it is.
local function conflict(drafts)
  local given, keys = {}, {}
  for i, d in ipairs(drafts) do
    local repeated = false
    if d.key ~= '' then
      local id = d.log .. '\0' .. d.key
      repeated = receipt_of(d.log, d.key) or keys[id]
      keys[id] = true
    end
    if not repeated and d.of ~= '' then
      local place = d.log .. '\0' .. d.of
      local current = given[place] or redis.call('HGET', P .. ':s:' .. d.log, d.of)
      if current and not higher(d.is, current) then return { i - 1, current } end
      given[place] = d.is
    end
  end
end

local told = {}
local function place(d)
  local log = log_of(d.log)
  if d.key ~= '' then
    local known = receipt_of(d.log, d.key)
    if known then
      return { plain(struct.unpack('>I8', known, 1)), plain(struct.unpack('>I8', known, 9)), known:sub(17), 1, plain(math.max(log.epoch, lost)) }
    end
  end
  if log.epoch == 0 then
    -- Behind a loss all contents begin with it.
    log.epoch = lost > 0 and lost or math.max(now, clock + 1)
    redis.call('HSET', P .. ':l:' .. d.log, 'epoch', plain(log.epoch), 'first', '1', 'gone', '0')
    redis.call('ZADD', P .. ':logs', 0, d.log)
  end
  if d.of ~= '' then set_state(d.log, d.of, d.is) end
  for _, row in ipairs(d.states) do set_state(d.log, row[1], row[2] and row[3] or nil) end
  -- No event: only its rows.
  if d.silent then return { plain(log.head), plain(log.at), string.rep('\0', 16), 0, plain(math.max(log.epoch, lost)) } end
  local audience, weight = settle(d.log, d.audience)
  if d.changes ~= '' then change(d.log, d.changes) end
  local at = math.max(now, clock + 1)
  clock = at
  log.head = log.head + 1
  log.at = at
  log.cum = log.cum + d.weight + weight
  local id = d.id
  if id == '' then
    local us = at % 1000
    id = struct.pack('>I6I2c8', (at - us) / 1000, 28672 + us, d.salt)
  end
  local seq = plain(log.head)
  local header = struct.pack('>I8I8', at, log.cum) .. id .. struct.pack('>I4', #audience)
  local blob = header .. audience .. d.front .. d.data
  redis.call('XADD', P .. ':e:' .. d.log, seq .. '-0', 'e', blob)
  if d.key ~= '' then
    local receipt = struct.pack('>I8I8', log.head, at) .. id
    receipts[d.log .. '\0' .. d.key] = receipt
    redis.call('HSET', P .. ':k:' .. d.log, d.key, receipt)
    redis.call('RPUSH', P .. ':o:' .. d.log, struct.pack('>I8', at) .. d.key)
  end
  if #d.retain > 0 then
    local only = audience ~= '' and ',"only":' .. audience or ''
    local value = '{"seq":' .. seq .. ',"at":' .. plain(at) .. only .. ',"data":' .. d.data .. '}'
    for _, row in ipairs(d.retain) do set_state(d.log, row, value) end
  end
  local epoch = math.max(log.epoch, lost)
  told[#told + 1] = struct.pack('>I2', #d.log) .. d.log .. struct.pack('>I8I8I4', log.head, epoch, #blob) .. blob
  return { seq, plain(at), id, 0, plain(epoch) }
end

local answers = {}
for j = 1, number() do
  local drafts = {}
  for i = 1, number() do drafts[i] = read_draft() end
  local stale = conflict(drafts)
  local answer = {}
  if stale then
    answer = { 'conflict', stale[1], stale[2] }
  else
    for i, d in ipairs(drafts) do answer[i] = place(d) end
  end
  answers[j] = answer
end

if #told > 0 then
  n = n + 1
  redis.call('HSET', P, 'n', plain(n), 'clock', plain(clock))
  for name, log in pairs(logs) do
    if log.at > 0 then
      redis.call('HSET', P .. ':l:' .. name, 'head', plain(log.head), 'cum', plain(log.cum), 'at', plain(log.at))
    end
  end
  redis.call(notify, channel, 'R' .. struct.pack('>I8I8I8I4', n, clock, lost, #told) .. table.concat(told))
end
return { plain(n), answers }
