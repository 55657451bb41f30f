#!lua name=cbm1
-- The one commit, and reading the log back along prev. Keys only in KEYS, values only in ARGV, no rule
-- of the domain. Loaded at start, loaded again when it is lost (FUNCTION FLUSH, a fresh Redis).
--
-- KEYS  1 revisions (hash)  2 documents (hash)  3 index (sorted set)  4 log (stream)
--       5 last "seq count" a prefix, and of all under "#" (hash)  6 marks (hash)
--       7 8 9 idempotency keys of the day before, the day and the day after (hashes)
-- ARGV  the number of commits  the day, counted from 1970  ttl of a day's keys in s, then each commit:
--       key ("" none)  digest  reply
--       "checks writes adds removes records not_before before": how many of each follow, and the span of
--       the store's clock in ms, 0 none
--       checks × (field, revision)         expected; 0: it must not exist
--       writes × (field, document)         written; the revision becomes the expected one + 1; "" only bumps
--       adds × entry                       to the index
--       removes × entry                    from the index
--       records × (parent, topic, attributes, data) log records; parent: the topic without its last level
--       a reply or data of "=" is the first document written
-- Answers a flat list, for each commit 0, seq applied · 1, field a revision moved · 2, kept the key was
-- used, "digest time seq reply" is what was kept · 3, now the store's clock is outside not_before…before.
-- Each is applied whole or refused whole; all share the reads and writes of this call. It runs for each
-- change there is: so it walks ARGV in place and makes as few tables and strings as it can.

local MARK = 128       -- every so many records of a prefix its seq is marked, so that reading can start there
local CHUNK = 4000     -- arguments that unpack() and a command can take
local DAY_MS = 86400000

local call -- redis.call, which is there only when a function runs

local function get_all(key, names, values)
    for from = 1, #names, CHUNK do
        local upto = math.min(from + CHUNK - 1, #names)
        local got = call('HMGET', key, unpack(names, from, upto))
        for i = 1, #got do
            if got[i] then values[names[from + i - 1]] = got[i] end
        end
    end
    return values
end

local function call_all(command, key, args)
    for from = 1, #args, CHUNK do
        call(command, key, unpack(args, from, math.min(from + CHUNK - 1, #args)))
    end
end

-- The prefixes of a topic but itself, under which it counts; private ones count in their own tree only.
-- Topics with the same parent share the list.
local function prefixes_of(parent)
    local list = {}
    if parent:sub(1, 8) ~= 'private.' then list[1] = '' end
    local at = parent:find('.', 1, true)
    while at do
        list[#list + 1] = parent:sub(1, at)
        at = parent:find('.', at + 1, true)
    end
    return list
end

-- The numbers of a shape, parsed once: most commits of a call have the same.
local function shape_of(text, shapes)
    local shape = shapes[text]
    if not shape then
        shape = {}
        for number in text:gmatch('%d+') do shape[#shape + 1] = tonumber(number) end
        shapes[text] = shape
    end
    return shape
end

-- The names of everything that the commits read: fields, prefixes, keys. `lists` gets those of parents.
local function names_of(ARGV, lists, shapes)
    local fields, prefixes, keys = {}, {'#'}, {}
    local seen_field, seen_prefix = {}, {}
    local at = 4
    for _ = 1, tonumber(ARGV[1]) do
        if ARGV[at] ~= '' then keys[#keys + 1] = ARGV[at] end
        local shape = shape_of(ARGV[at + 3], shapes)
        local checks, records = 2 * shape[1], 4 * shape[5]
        at = at + 4
        for j = at, at + checks - 1, 2 do
            local field = ARGV[j]
            if not seen_field[field] then
                seen_field[field] = true
                fields[#fields + 1] = field
            end
        end
        at = at + checks + 2 * shape[2] + shape[3] + shape[4]
        for j = at, at + records - 1, 4 do
            local parent, topic = ARGV[j], ARGV[j + 1]
            if not seen_prefix[topic] then
                seen_prefix[topic] = true
                prefixes[#prefixes + 1] = topic
            end
            if not lists[parent] then
                local list = prefixes_of(parent)
                lists[parent] = list
                for k = 1, #list do
                    if not seen_prefix[list[k]] then
                        seen_prefix[list[k]] = true
                        prefixes[#prefixes + 1] = list[k]
                    end
                end
            end
        end
        at = at + records
    end
    return fields, prefixes, keys
end

-- What the keys have kept in the last 24 hours.
local function kept_of(KEYS, first, keys, now)
    local kept = {}
    if #keys == 0 then return kept end
    for i = first, first + 2 do get_all(KEYS[i], keys, kept) end
    for key, value in pairs(kept) do
        if tonumber(value:match('^%S+ (%d+) ')) <= now - DAY_MS then kept[key] = nil end
    end
    return kept
end

local function commit(KEYS, ARGV)
    call = redis.call
    local time = call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local lists, shapes = {}, {}
    local fields, prefixes, keys = names_of(ARGV, lists, shapes)
    local revisions = get_all(KEYS[1], fields, {})
    local last, count = {}, {} -- last seqs are texts: most of them are only written again
    for prefix, value in pairs(get_all(KEYS[5], prefixes, {})) do
        local space = value:find(' ', 1, true)
        last[prefix], count[prefix] = value:sub(1, space - 1), tonumber(value:sub(space + 1))
    end
    local kept = kept_of(KEYS, 7, keys, now)
    local revs, docs, answers, entries = {}, {}, {}, {}
    local marks, moved, keeps, roots = {}, {}, {}, {}
    local first_seq = tonumber(last['#'] or 0)
    local seq, time_text = first_seq, '-' .. string.format('%d', now)

    local function add_record(list, topic, attributes, data)
        seq = seq + 1
        local text = string.format('%d', seq)
        local prev = ''
        for k = 1, #list + 1 do
            local prefix = list[k] or topic
            prev = prev .. (k > 1 and ' ' or '') .. (last[prefix] or '0')
            local n = (count[prefix] or 0) + 1
            last[prefix], count[prefix], moved[prefix] = text, n, true
            if n % MARK == 0 then
                marks[#marks + 1] = prefix .. ' ' .. string.format('%d', n / MARK)
                marks[#marks + 1] = text
            end
        end
        roots[list[1] == '' and (list[2] or topic) or list[1]] = text
        call('XADD', KEYS[4], text .. time_text, 't', topic, 'p', prev, 'a', attributes, 'd', data)
    end

    local at = 4
    for i = 1, tonumber(ARGV[1]) do
        local key, from = ARGV[at], at
        local shape = shapes[ARGV[at + 3]]
        local not_before, before = shape[6], shape[7]
        local check = at + 4
        local write = check + 2 * shape[1]
        local add = write + 2 * shape[2]
        local remove = add + shape[3]
        local record = remove + shape[4]
        at = record + 4 * shape[5]

        local status, value = 0, nil
        if key ~= '' and kept[key] then
            status, value = 2, kept[key]
        elseif not_before > 0 and now < not_before or before > 0 and now >= before then
            status, value = 3, now
        else
            for j = check, write - 1, 2 do
                if (revisions[ARGV[j]] or '0') ~= ARGV[j + 1] then
                    status, value = 1, ARGV[j]
                    break
                end
            end
        end
        if status == 0 then
            local document
            for j = write, add - 1, 2 do
                local field, rev = ARGV[j], nil
                for k = check, write - 1, 2 do
                    if ARGV[k] == field then
                        rev = ARGV[k + 1] == '0' and '1' or string.format('%d', ARGV[k + 1] + 1)
                    end
                end
                revisions[field] = rev
                revs[#revs + 1] = field
                revs[#revs + 1] = rev
                if ARGV[j + 1] ~= '' then
                    document = document or ARGV[j + 1]
                    docs[#docs + 1] = field
                    docs[#docs + 1] = ARGV[j + 1]
                end
            end
            for j = remove, record - 1 do entries[ARGV[j]] = false end
            for j = add, remove - 1 do entries[ARGV[j]] = true end
            for j = record, at - 1, 4 do
                local data = ARGV[j + 3]
                add_record(lists[ARGV[j]], ARGV[j + 1], ARGV[j + 2], data == '=' and document or data)
            end
            if key ~= '' then
                local reply = ARGV[from + 2]
                kept[key] = ARGV[from + 1] .. ' ' .. string.format('%d %d ', now, seq) ..
                    (reply == '=' and document or reply)
                keeps[#keeps + 1] = key
                keeps[#keeps + 1] = kept[key]
            end
            value = seq
        end
        answers[2 * i - 1], answers[2 * i] = status, value
    end

    call_all('HSET', KEYS[1], revs)
    call_all('HSET', KEYS[2], docs)
    local added, removed = {}, {}
    for entry, there in pairs(entries) do
        if there then
            added[#added + 1] = '0'
            added[#added + 1] = entry
        else
            removed[#removed + 1] = entry
        end
    end
    call_all('ZADD', KEYS[3], added)
    call_all('ZREM', KEYS[3], removed)
    if seq > first_seq then
        local text = string.format('%d', seq)
        local values = {'#', text .. ' ' .. text}
        for prefix in pairs(moved) do
            values[#values + 1] = prefix
            local n = count[prefix]
            values[#values + 1] = last[prefix] .. (n == 1 and ' 1' or string.format(' %d', n))
        end
        call_all('HSET', KEYS[5], values)
        call_all('HSET', KEYS[6], marks)
        -- who follows one tree only (common/log/follow.c) is told that there is something to read
        for root, text in pairs(roots) do call('PUBLISH', KEYS[4] .. ':' .. root, text) end
    end
    if #keeps > 0 then
        -- the store's clock says which day it is; the caller's may be one off
        local day = KEYS[8 + math.max(-1, math.min(1, math.floor(now / DAY_MS) - ARGV[2]))]
        call_all('HSET', day, keeps)
        call('EXPIRE', day, ARGV[3])
    end
    return answers
end

-- The seq and number of records under a prefix.
local function head_of(key, prefix)
    local value = call('HGET', key, prefix)
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
        local mark = call('HGET', key, prefix .. ' ' .. text(middle))
        if mark and tonumber(mark) > after then high = middle else low = middle + 1 end
    end
    local mark = call('HGET', key, prefix .. ' ' .. text(low + math.ceil(limit / MARK)))
    return mark and tonumber(mark) or seq
end

-- How many of the entries make a page: up to the one that passes `bytes` of data.
local function fitting(entries, bytes)
    for i = 1, #entries do
        bytes = bytes - #entries[i][2][8]
        if bytes <= 0 then return i end
    end
    return #entries
end

-- Entries under a prefix, by walking back along prev from a mark.
local function read_back(log, prefix, after, limit, from)
    local level, at = prefix:sub(1, 8) == 'private.' and 0 or 1, 0
    while true do
        at = prefix:find('.', at + 1, true)
        if not at then break end
        level = level + 1
    end
    local pattern = '^' .. ('%d+ '):rep(level - 1) .. '(%d+)'
    local back, n, seq = {}, 0, text(from)
    while tonumber(seq) > after do
        local entry = call('XRANGE', log, seq, seq)[1]
        if not entry then break end -- older than what is kept
        n = n + 1
        back[n] = entry
        seq = entry[2][4]:match(pattern)
    end
    local found = {}
    for i = n, math.max(1, n - limit + 1), -1 do found[n - i + 1] = back[i] end
    return found
end

-- KEYS 1 log  2 prefixes  3 marks; ARGV prefix, after, limit, bytes.
-- Answers {last, first, upto, page}, the page as MessagePack of entries as XRANGE gives them
-- (common/log/page.h), "" if there is none: in order, at most `limit`, and no more than pass `bytes` of data.
-- Costs what is read and at most two marks' worth more. Where the prefix has half of all records or more,
-- it reads nothing itself, for to pass what is read through here costs ten times the reading: `upto`, else
-- 0, says that the caller is to read after `after` up to there and to leave out what is not under the prefix.
local function log_read(KEYS, ARGV)
    call = redis.call
    local prefix, after, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
    local seq, count = head_of(KEYS[2], prefix)
    local oldest = call('XRANGE', KEYS[1], '-', '+', 'COUNT', '1')
    local first = #oldest > 0 and tonumber(oldest[1][1]:match('^%d+')) or seq + 1
    if seq <= after or limit == 0 then return {text(seq), text(first), '0', ''} end
    if prefix == '' then return {text(seq), text(first), text(seq), ''} end
    local from = walk_from(KEYS[3], prefix, after, limit, seq, count)
    if from - after <= 2 * (limit + MARK) then return {text(seq), text(first), text(from), ''} end
    local entries = read_back(KEYS[1], prefix, after, limit, from)
    for i = #entries, fitting(entries, tonumber(ARGV[4])) + 1, -1 do entries[i] = nil end
    return {text(seq), text(first), '0', #entries > 0 and cmsgpack.pack(entries) or ''}
end

-- KEYS 1 2 3 as 7 8 9 of cbm_commit; ARGV key. Answers what the key has kept, or nothing.
local function key_get(KEYS, ARGV)
    call = redis.call
    local time = call('TIME')
    return kept_of(KEYS, 1, {ARGV[1]}, time[1] * 1000)[ARGV[1]]
end

redis.register_function('cbm_commit', commit)
redis.register_function{function_name = 'cbm_key', callback = key_get, flags = {'no-writes'}}
redis.register_function{function_name = 'cbm_log_read', callback = log_read, flags = {'no-writes'}}
