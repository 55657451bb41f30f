#!lua name=cbm1
-- The one commit, and reading the log back along prev. Keys only in KEYS, values only in ARGV, no rule
-- of the domain. Loaded at start, loaded again when it is lost (FUNCTION FLUSH, a fresh Redis).
--
-- KEYS  1 documents (hash: field -> "revision document")  2 index (sorted set)
--       3 log (hash: seq -> record, common/log/record.h)
--       4 last "seq count" a prefix, and of all under "#" (hash)  5 marks (hash)
--       6 7 8 idempotency keys of the day before, the day and the day after (hashes)
-- ARGV  the number of commits  the day, counted from 1970  ttl of a day's keys in s  shapes
--       the number of parents of topics (a topic without its last level), and the parents
--       of all commits, one after the other: keys ("" none)  digests  revisions expected (each ended by
--       a space; 0: it must not exist)  fields these are of  topics of the records
--       then commit by commit: writes × "revision document"  removes × entry  adds × entry
--         records × (head, data)  reply
--       Shapes are ended by ";", and told once for `times` commits in a row:
--         times checks writes removes adds records not_before before shared, then of each write the check
--         that names its field, then of each record its parent and where its data is
--         not_before before: the span of the store's clock in ms, 0 none
--         shared 1: no reply is given, it is the data of the only record
--         where its data is: 0 behind the head; n: it is what the n-th write writes
-- Answers for each commit its seq if it was applied · "1" a revision moved · "2 kept" the key was used,
-- and this is kept: "digest time seq reply" · "3 now" the store's clock is outside not_before…before.
-- Each is applied whole or refused whole; all share the reads and writes of this call. In one call no field
-- that is written is checked by another commit, and no key comes twice: the caller sees to that.
-- It runs for each change there is, and a string of Lua costs its bytes each time it is made: so it makes
-- few and short ones, and walks ARGV in place.
--
-- Published on the log's own name: "first last\n" and the records with these seqs, one behind the other.

local MARK = 128       -- every so many records of a prefix its seq is marked, so that reading can start there
local CHUNK = 4000     -- arguments that unpack() and a command can take
local DAY_MS = 86400000
local DIGITS = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}

local call, format, find, sub, match -- there only when a function runs

local function begin()
    call = redis.call
    format, find, sub, match = string.format, string.find, string.sub, string.match
end

local function text_of(n) return format('%d', n) end

-- The values of ARGV[from…upto] in a hash: false for what is not there.
local function get_all(key, names, from, upto)
    if upto < from then return {} end
    if upto - from < CHUNK then return call('HMGET', key, unpack(names, from, upto)) end
    local values = {}
    for at = from, upto, CHUNK do
        local some = call('HMGET', key, unpack(names, at, math.min(at + CHUNK - 1, upto)))
        for i = 1, #some do values[at - from + i] = some[i] end
    end
    return values
end

local function call_all(command, key, args)
    for from = 1, #args, CHUNK do
        call(command, key, unpack(args, from, math.min(from + CHUNK - 1, #args)))
    end
end

-- The prefixes of a topic but itself, under which it counts, by its parent: the topic without its last
-- level. Private ones count in their own tree only.
local function prefixes_of(parent)
    local list = {}
    if sub(parent, 1, 8) ~= 'private.' then list[1] = '' end
    local at = find(parent, '.', 1, true)
    while at do
        list[#list + 1] = sub(parent, 1, at)
        at = find(parent, '.', at + 1, true)
    end
    return list
end

-- The shape of every commit, with the number of arguments that are its own (`len`), and how many fields
-- and topics they have together.
local function shapes_of(text)
    local shapes, count, fields, topics = {}, 0, 0, 0
    for numbers in text:gmatch('[^;]+') do
        local shape = {}
        for number in numbers:gmatch('%d+') do shape[#shape + 1] = tonumber(number) end
        shape.len = shape[3] + shape[4] + shape[5] + shape[6] + (shape[9] == 0 and 1 or 0)
        for j = 1, shape[6] do
            if shape[9 + shape[3] + 2 * j] == 0 then shape.len = shape.len + 1 end
        end
        for i = 1, shape[1] do shapes[count + i] = shape end
        count = count + shape[1]
        fields, topics = fields + shape[1] * shape[2], topics + shape[1] * shape[6]
    end
    return shapes, fields, topics
end

-- "seq count" of a prefix, as it is kept. Seqs are texts: most of them are only written again.
local function head_of(value)
    if not value then return '0', 0 end
    local space = find(value, ' ', 1, true)
    return sub(value, 1, space - 1), tonumber(sub(value, space + 1))
end

-- The parents' prefixes, each once, with what is kept of them.
local function parents_of(key, ARGV, from, upto)
    local lists, last, count, names = {}, {}, {}, {'#'}
    for i = from, upto do
        local list = prefixes_of(ARGV[i])
        lists[i - from + 1] = list
        for k = 1, #list do
            if not last[list[k]] then
                last[list[k]] = true
                names[#names + 1] = list[k]
            end
        end
    end
    local values = get_all(key, names, 1, #names)
    for i = 1, #names do last[names[i]], count[names[i]] = head_of(values[i]) end
    return lists, last, count, names
end

-- What is kept under a key: with "=" for the reply it is the data of the record.
local function kept_of(log, value, now)
    local head, time, seq = match(value, '^(%S+ (%d+) (%d+) )')
    if tonumber(time) <= now - DAY_MS then return false end
    if sub(value, #head + 1) ~= '=' then return value end
    local record = call('HGET', log, seq)
    if not record then return false end
    local at = find(record, '\n', 1, true)
    local topic, attributes, len, skip = struct.unpack('>HHIH', record, at + 1)
    at = at + 10 + topic + attributes
    return head .. sub(record, at + 1 + skip, at + len)
end

local function now_ms()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function mark(marks, prefix, count, seq)
    marks[#marks + 1] = prefix .. ' ' .. text_of(count / MARK)
    marks[#marks + 1] = seq
end

-- Tells who follows the whole log of seq, record, seq, record, … Eight go in one message, joined at once:
-- table.concat would make several strings of each.
local function publish(channel, log)
    for at = 1, #log, 16 do
        local last = log[math.min(at + 14, #log - 1)]
        call('PUBLISH', channel, log[at] .. ' ' .. last .. '\n' .. log[at + 1] .. (log[at + 3] or '') ..
            (log[at + 5] or '') .. (log[at + 7] or '') .. (log[at + 9] or '') .. (log[at + 11] or '') ..
            (log[at + 13] or '') .. (log[at + 15] or ''))
    end
end

local function commit(KEYS, ARGV)
    begin()
    local now = now_ms()
    local now_text = text_of(now)
    local n = tonumber(ARGV[1])
    local shapes, field_count, topic_count = shapes_of(ARGV[4])
    local key = 6 + tonumber(ARGV[5])
    local digest, revision, field = key + n, key + 2 * n, key + 3 * n
    local topic = field + field_count
    local at = topic + topic_count
    local lists, last, count, prefixes = parents_of(KEYS[4], ARGV, 6, key - 1)
    local heads = get_all(KEYS[4], ARGV, topic, at - 1)
    local documents = get_all(KEYS[1], ARGV, field, topic - 1)
    -- the store's clock says which day it is; the caller's may be one off
    local day = 7 + math.max(-1, math.min(1, math.floor(now / DAY_MS) - ARGV[2]))
    local kept = get_all(KEYS[day], ARGV, key, digest - 1)
    local older = day > 6 and get_all(KEYS[day - 1], ARGV, key, digest - 1) or {}
    local first = tonumber(last['#'])
    local seq, text, tens, front = first, last['#'], -1, nil
    local writes, added, removed, log, moved, marks, keeps, roots = {}, {}, {}, {}, {}, {}, {}, {}
    local writes_n, added_n, log_n, moved_n, keeps_n = 0, 0, 0, 0, 0

    -- Why commit i is refused, whose first check comes after `checked`; nil if it is not.
    local function refusal(i, shape, checked)
        local used = kept[i] or older[i]
        used = used and kept_of(KEYS[3], used, now)
        if used then return '2 ' .. used end
        local not_before, before = shape[7], shape[8]
        if not_before > 0 and now < not_before or before > 0 and now >= before then
            return '3 ' .. now_text
        end
        local revisions = ''
        for j = checked + 1, checked + shape[2] do
            local document = documents[j]
            revisions = revisions .. (document and match(document, '^%d+') or '0') .. ' '
        end
        return revisions ~= ARGV[revision + i - 1] and '1' or nil
    end

    -- Adds the record of topic number i, with the prefixes of its parent, its head and its data.
    local function add_record(i, list, head, data)
        local name = ARGV[topic + i - 1]
        local prev, passed = last[name], count[name]
        if not prev then prev, passed = head_of(heads[i]) end
        seq = seq + 1
        local digit = seq % 10
        if seq - digit ~= tens then
            tens = seq - digit
            front = tens == 0 and '' or text_of(tens / 10)
        end
        text = front .. DIGITS[digit + 1]
        local line, text = '', text
        for k = 1, #list do
            local prefix = list[k]
            local now_passed = count[prefix] + 1
            line = line .. last[prefix] .. ' '
            last[prefix], count[prefix] = text, now_passed
            if now_passed % MARK == 0 then mark(marks, prefix, now_passed, text) end
        end
        passed = passed + 1
        last[name], count[name] = text, passed
        if passed % MARK == 0 then mark(marks, name, passed, text) end
        moved[moved_n + 1] = name
        moved_n = moved_n + 2
        moved[moved_n] = text .. (passed == 1 and ' 1' or ' ' .. text_of(passed))
        roots[list[1] == '' and (list[2] or name) or list[1]] = text
        log[log_n + 1] = text
        log_n = log_n + 2
        log[log_n] = line .. prev .. ' ' .. now_text .. '\n' .. head .. data
    end

    -- Takes over what commit i writes; its own arguments begin at `write`, its fields after `checked`, its
    -- topics after `told`.
    local function apply(i, shape, write, checked, told)
        local remove = write + shape[3]
        local add = remove + shape[4]
        local head, extra = add + shape[5], 9 + shape[3]
        for j = 1, shape[3] do
            writes[writes_n + 1] = ARGV[field + checked + shape[9 + j] - 1]
            writes_n = writes_n + 2
            writes[writes_n] = ARGV[write + j - 1]
        end
        for j = remove, add - 1 do removed[#removed + 1] = ARGV[j] end
        for j = add, head - 1 do
            added[added_n + 1] = '0'
            added_n = added_n + 2
            added[added_n] = ARGV[j]
        end
        for j = 1, shape[6] do
            local list, where = lists[shape[extra + 2 * j - 1]], shape[extra + 2 * j]
            add_record(told + j, list, ARGV[head], where == 0 and ARGV[head + 1] or ARGV[write + where - 1])
            head = head + (where == 0 and 2 or 1)
        end
        if ARGV[key + i - 1] == '' then return end
        keeps[keeps_n + 1] = ARGV[key + i - 1]
        keeps_n = keeps_n + 2
        keeps[keeps_n] = ARGV[digest + i - 1] .. ' ' .. now_text .. ' ' .. text ..
            (shape[9] == 0 and ' ' .. ARGV[head] or ' =')
    end

    local answers, checked, told = {}, 0, 0
    for i = 1, n do
        local shape = shapes[i]
        local refused = refusal(i, shape, checked)
        if not refused then apply(i, shape, at, checked, told) end
        answers[i] = refused or seq
        at = at + shape.len
        checked, told = checked + shape[2], told + shape[6]
    end

    call_all('HSET', KEYS[1], writes)
    call_all('ZREM', KEYS[2], removed)
    call_all('ZADD', KEYS[2], added)
    if seq > first then
        last['#'], count['#'] = text, seq
        for i = 1, #prefixes do
            moved[moved_n + 1] = prefixes[i]
            moved_n = moved_n + 2
            moved[moved_n] = last[prefixes[i]] .. ' ' .. text_of(count[prefixes[i]])
        end
        call_all('HSET', KEYS[3], log)
        call_all('HSET', KEYS[4], moved)
        call_all('HSET', KEYS[5], marks)
        publish(KEYS[3], log)
        -- who follows one tree only (common/log/follow.c) is told that there is something to read
        for root, upto in pairs(roots) do call('PUBLISH', KEYS[3] .. ':' .. root, upto) end
    end
    if keeps_n > 0 then
        call_all('HSET', KEYS[day], keeps)
        call('EXPIRE', KEYS[day], ARGV[3])
    end
    return answers
end

-- Where to begin to walk back so that the first `limit` records after `after` are passed: the mark that
-- lies far enough behind the first mark after `after`, or the newest record.
local function walk_from(key, prefix, after, limit, seq, count)
    local low, high = 1, math.floor(count / MARK) + 1 -- the first mark with a seq > after is in [low, high]
    while low < high do
        local middle = math.floor((low + high) / 2)
        local mark = call('HGET', key, prefix .. ' ' .. text_of(middle))
        if mark and tonumber(mark) > after then high = middle else low = middle + 1 end
    end
    local mark = call('HGET', key, prefix .. ' ' .. text_of(low + math.ceil(limit / MARK)))
    return mark and tonumber(mark) or seq
end

-- The seqs and records under a prefix that were passed by walking back along prev, newest first.
local function read_back(log, prefix, after, from)
    local level, at = sub(prefix, 1, 8) == 'private.' and 0 or 1, 0
    while true do
        at = find(prefix, '.', at + 1, true)
        if not at then break end
        level = level + 1
    end
    local pattern = '^' .. ('%d+ '):rep(level - 1) .. '(%d+)'
    local seqs, records, n, seq = {}, {}, 0, text_of(from)
    while tonumber(seq) > after do
        local record = call('HGET', log, seq)
        if not record then break end -- older than what is kept
        n = n + 1
        seqs[n], records[n] = seq, record
        seq = match(record, pattern)
    end
    return seqs, records, n
end

-- KEYS 1 log  2 prefixes  3 marks; ARGV prefix, after, limit, bytes.
-- Answers last, first, upto, then seq, record for each that is found: in order, at most `limit`, and no more
-- than pass `bytes`. Costs what is read and at most two marks' worth more. Where the prefix has half of all
-- records or more, it reads nothing itself, for to pass what is read through here costs ten times the
-- reading: `upto`, else 0, says that the caller is to read the seqs after `after` up to there and to leave
-- out what is not under the prefix.
local function log_read(KEYS, ARGV)
    begin()
    local prefix, after, limit, bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
    local values = call('HMGET', KEYS[2], prefix, '#first')
    local last, count = head_of(values[1])
    local seq, page = tonumber(last), {last, values[2] or '1', '0'}
    if seq <= after or limit == 0 then return page end
    local from = prefix == '' and seq or walk_from(KEYS[3], prefix, after, limit, seq, count)
    if prefix == '' or from - after <= 2 * (limit + MARK) then
        page[3] = text_of(from)
        return page
    end
    local seqs, records, n = read_back(KEYS[1], prefix, after, from)
    for i = n, math.max(1, n - limit + 1), -1 do
        page[#page + 1] = seqs[i]
        page[#page + 1] = records[i]
        bytes = bytes - #records[i]
        if bytes <= 0 then break end
    end
    return page
end

-- KEYS 1 log  2 3 4 as 6 7 8 of cbm_commit; ARGV key. Answers what the key has kept, or nothing.
local function key_get(KEYS, ARGV)
    begin()
    for i = 2, 4 do
        local kept = call('HGET', KEYS[i], ARGV[1])
        kept = kept and kept_of(KEYS[1], kept, now_ms())
        if kept then return kept end
    end
    return false
end

redis.register_function('cbm_commit', commit)
redis.register_function{function_name = 'cbm_key', callback = key_get, flags = {'no-writes'}}
redis.register_function{function_name = 'cbm_log_read', callback = log_read, flags = {'no-writes'}}
