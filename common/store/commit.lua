#!lua name=cbm1
-- The one commit, and reading the log back along prev. Keys only in KEYS, values only in ARGV, no rule
-- of the domain. Loaded at start, loaded again when it is lost (FUNCTION FLUSH, a fresh Redis).
--
-- KEYS  1 revisions (hash)  2 documents (hash)  3 index (sorted set)  4 log (stream)
--       5 last "seq count" a prefix, and of all under "#" (hash)  6 marks (hash)  7… idempotency keys
-- ARGV  the number of commits, then each commit:
--       key (its place in KEYS, 0 none)  key's ttl in ms  digest  reply  not_before  before (ms, 0 none)
--       n, n × (field, revision)         expected; 0: it must not exist
--       n, n × (field, document)         written; the revision becomes the expected one + 1; "" only bumps
--       n, n × entry                     added to the index
--       n, n × entry                     taken from the index
--       n, n × (topic, attributes, data) log records
-- Answers for each commit {0, seq} applied · {1, field} a revision moved · {2, kept} the key was used,
-- "digest seq reply" is what was kept · {3, now} the store's clock is outside not_before…before.
-- Each is applied whole or refused whole; all share the reads and writes of this call.

local MARK = 128   -- every so many records of a prefix its seq is marked, so that reading can start there
local CHUNK = 4000 -- arguments that unpack() and a command can take

local function get_all(key, names)
    local values = {}
    for from = 1, #names, CHUNK do
        local upto = math.min(from + CHUNK - 1, #names)
        local got = redis.call('HMGET', key, unpack(names, from, upto))
        for i = 1, #got do values[names[from + i - 1]] = got[i] end
    end
    return values
end

local function call_all(command, key, args)
    for from = 1, #args, CHUNK do
        redis.call(command, key, unpack(args, from, math.min(from + CHUNK - 1, #args)))
    end
end

-- The prefixes of a topic under which it counts; private ones count in their own tree only.
local function prefixes_of(topic)
    local list, at = {}, 0
    if topic:sub(1, 8) ~= 'private.' then list[1] = '' end
    while true do
        at = topic:find('.', at + 1, true)
        if not at then return list end
        list[#list + 1] = topic:sub(1, at)
    end
end

local function parse(ARGV)
    local at = 2
    local function take(width)
        local list, n = {}, tonumber(ARGV[at]) * width
        for i = 1, n do list[i] = ARGV[at + i] end
        at = at + n + 1
        return list
    end
    local commits, fields, prefixes, seen = {}, {}, {'#'}, {}
    for i = 1, tonumber(ARGV[1]) do
        local c = {key = tonumber(ARGV[at]), ttl = ARGV[at + 1], digest = ARGV[at + 2],
                   reply = ARGV[at + 3], not_before = tonumber(ARGV[at + 4]),
                   before = tonumber(ARGV[at + 5])}
        at = at + 6
        c.checks, c.writes, c.add, c.remove, c.records = take(2), take(2), take(1), take(1), take(3)
        for j = 1, #c.checks, 2 do fields[#fields + 1] = c.checks[j] end
        c.prefixes = {}
        for j = 1, #c.records, 3 do
            local list = prefixes_of(c.records[j])
            c.prefixes[j] = list
            for k = 1, #list do
                if not seen[list[k]] then
                    seen[list[k]] = true
                    prefixes[#prefixes + 1] = list[k]
                end
            end
        end
        commits[i] = c
    end
    return commits, fields, prefixes
end

local function refused(c, revisions, kept, now)
    if c.key > 0 and kept[c.key] then return {2, kept[c.key]} end
    if c.not_before > 0 and now < c.not_before or c.before > 0 and now >= c.before then
        return {3, now}
    end
    for j = 1, #c.checks, 2 do
        if (revisions[c.checks[j]] or '0') ~= c.checks[j + 1] then return {1, c.checks[j]} end
    end
end

local function commit(KEYS, ARGV)
    local commits, fields, prefixes = parse(ARGV)
    local time = redis.call('TIME')
    local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
    local revisions = get_all(KEYS[1], fields)
    local last, count = {}, {}
    for prefix, value in pairs(get_all(KEYS[5], prefixes)) do
        local space = value and value:find(' ', 1, true)
        last[prefix] = value and tonumber(value:sub(1, space - 1)) or 0
        count[prefix] = value and tonumber(value:sub(space + 1)) or 0
    end
    local kept = {}
    for k = 7, #KEYS do kept[k] = redis.call('GET', KEYS[k]) end

    local revs, docs, entries, marks, moved, answers = {}, {}, {}, {}, {}, {}
    local seq = last['#']
    for i = 1, #commits do
        local c = commits[i]
        local answer = refused(c, revisions, kept, now)
        if not answer then
            local expected = {}
            for j = 1, #c.checks, 2 do expected[c.checks[j]] = c.checks[j + 1] end
            for j = 1, #c.writes, 2 do
                local field = c.writes[j]
                local rev = string.format('%d', tonumber(expected[field]) + 1)
                revisions[field] = rev
                revs[#revs + 1], revs[#revs + 2] = field, rev
                if c.writes[j + 1] ~= '' then
                    docs[#docs + 1], docs[#docs + 2] = field, c.writes[j + 1]
                end
            end
            for j = 1, #c.remove do entries[c.remove[j]] = false end
            for j = 1, #c.add do entries[c.add[j]] = true end
            for j = 1, #c.records, 3 do
                seq = seq + 1
                local prev = {}
                for k, prefix in ipairs(c.prefixes[j]) do
                    prev[k] = string.format('%d', last[prefix])
                    last[prefix], count[prefix], moved[prefix] = seq, count[prefix] + 1, true
                    if count[prefix] % MARK == 0 then
                        marks[#marks + 1] = prefix .. ' ' .. string.format('%d', count[prefix] / MARK)
                        marks[#marks + 1] = string.format('%d', seq)
                    end
                end
                redis.call('XADD', KEYS[4], string.format('%d-%d', seq, now), 't', c.records[j],
                    'p', table.concat(prev, ' '), 'a', c.records[j + 1], 'd', c.records[j + 2])
            end
            if c.key > 0 then
                kept[c.key] = c.digest .. ' ' .. string.format('%d', seq) .. ' ' .. c.reply
                redis.call('SET', KEYS[c.key], kept[c.key], 'PX', c.ttl)
            end
            answer = {0, seq}
        end
        answers[i] = answer
    end

    call_all('HSET', KEYS[1], revs)
    call_all('HSET', KEYS[2], docs)
    local add, remove = {}, {}
    for entry, there in pairs(entries) do
        if there then
            add[#add + 1], add[#add + 2] = '0', entry
        else
            remove[#remove + 1] = entry
        end
    end
    call_all('ZADD', KEYS[3], add)
    call_all('ZREM', KEYS[3], remove)
    if seq > last['#'] then
        local values = {'#', string.format('%d %d', seq, seq)}
        for prefix in pairs(moved) do
            values[#values + 1] = prefix
            values[#values + 1] = string.format('%d %d', last[prefix], count[prefix])
        end
        call_all('HSET', KEYS[5], values)
        call_all('HSET', KEYS[6], marks)
    end
    return answers
end

-- The seq and number of records under a prefix.
local function head_of(key, prefix)
    local value = redis.call('HGET', key, prefix)
    if not value then return 0, 0 end
    local space = value:find(' ', 1, true)
    return tonumber(value:sub(1, space - 1)), tonumber(value:sub(space + 1))
end

local function text(n) return string.format('%d', n) end

-- Where to begin to walk back so that the first `limit` records after `after` are passed: the mark that
-- lies far enough behind the first mark after `after`, or the newest record.
local function walk_from(key, prefix, after, limit, seq, count)
    local low, high = 1, math.floor(count / MARK) + 1 -- the first mark with a seq > after is in [low, high]
    while low < high do
        local middle = math.floor((low + high) / 2)
        local mark = redis.call('HGET', key, prefix .. ' ' .. text(middle))
        if mark and tonumber(mark) > after then high = middle else low = middle + 1 end
    end
    local mark = redis.call('HGET', key, prefix .. ' ' .. text(low + math.ceil(limit / MARK)))
    return mark and tonumber(mark) or seq
end

local function item_of(entry)
    local f = entry[2] -- t, p, a, d in the order in which they were added
    return {entry[1], f[2], f[4], f[6], f[8]}
end

-- Records in order of seq over the whole log, without private ones.
local function read_all(log, after, limit, bytes)
    local items, from = {}, '(' .. text(after) .. '-18446744073709551615'
    while true do
        local got = redis.call('XRANGE', log, from, '+', 'COUNT', text(limit - #items))
        for i = 1, #got do
            if got[i][2][2]:sub(1, 8) ~= 'private.' then
                items[#items + 1] = item_of(got[i])
                bytes = bytes - #got[i][2][8]
                if bytes <= 0 or #items == limit then return items end
            end
        end
        if #got == 0 then return items end
        from = '(' .. got[#got][1]
    end
end

-- Records under a prefix, by walking back along prev from a mark.
local function read_back(log, prefix, after, limit, bytes, from)
    local level, at = prefix:sub(1, 8) == 'private.' and 0 or 1, 0
    while true do
        at = prefix:find('.', at + 1, true)
        if not at then break end
        level = level + 1
    end
    local found, seq = {}, from
    while seq > after do
        local got = redis.call('XRANGE', log, text(seq), text(seq))
        if #got == 0 then break end -- older than what is kept
        found[#found + 1] = got[1]
        local place = 0
        for prev in got[1][2][4]:gmatch('%d+') do
            place = place + 1
            if place == level then
                seq = tonumber(prev)
                break
            end
        end
    end
    local items = {}
    for i = #found, math.max(1, #found - limit + 1), -1 do
        items[#items + 1] = item_of(found[i])
        bytes = bytes - #found[i][2][8]
        if bytes <= 0 then break end
    end
    return items
end

-- KEYS 1 log  2 prefixes  3 marks; ARGV prefix, after, limit, bytes.
-- Answers {last, first, item…}, an item {id, topic, prev, attributes, data}: in order, at most `limit`, and
-- no more than pass `bytes` of data. Costs what is read (and at most two marks' worth more).
local function log_read(KEYS, ARGV)
    local prefix, after, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
    local bytes = tonumber(ARGV[4])
    local seq, count = head_of(KEYS[2], prefix)
    local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', '1')
    local first = #oldest > 0 and tonumber(oldest[1][1]:match('^%d+')) or seq + 1
    local answer = {text(seq), text(first)}
    if seq <= after or limit == 0 then return answer end
    local items
    if prefix == '' then
        items = read_all(KEYS[1], after, limit, bytes)
    else
        local from = walk_from(KEYS[3], prefix, after, limit, seq, count)
        items = read_back(KEYS[1], prefix, after, limit, bytes, from)
    end
    for i = 1, #items do answer[i + 2] = items[i] end
    return answer
end

redis.register_function('cbm_commit', commit)
redis.register_function{function_name = 'cbm_log_read', callback = log_read, flags = {'no-writes'}}
