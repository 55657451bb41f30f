#!lua name=cbm1
-- The one commit, and reading the log back along prev. Keys only in KEYS, values only in ARGV, no rule
-- of the domain. Loaded at start, loaded again when it is lost (FUNCTION FLUSH, a fresh Redis).
--
-- KEYS  1 documents (hash: field -> "revision document")  2 index (sorted set)
--       3 log (hash: seq -> record, common/log/record.h)
--       4 "seq count steps" a prefix, "seq count" of all under "#", the form under "#form" (hash)
--       5 blocks: "seq steps" under "prefix n" (hash)
--       6 7 8 idempotency keys of the day before, the day and the day after (hashes)
-- ARGV  the head (MessagePack), the parents of topics (a topic without its last level), and
--       of all commits, one after the other: keys ("" none)  digests  revisions expected (each ended by
--       a space; 0: it must not exist)  fields these are of  topics of the records
--       then commit by commit: writes × "revision document"  removes × entry  adds × entry
--         records × (head, data)  reply
--       The head: [commits, the day counted from 1970, ttl of a day's keys in s, parents, fields, topics,
--         shapes: [shape, …]]; a shape is told once for `times` commits in a row:
--         [times, checks, writes, removes, adds, records, not_before, before, shared, arguments,
--         then of each write the check that names its field, then of each record its parent and where its data is]
--         not_before before: the span of the store's clock in ms, 0 none
--         shared 1: no reply is given, it is the data of the only record
--         arguments: how many there are of the commit alone
--         where its data is: 0 behind the head; n: it is what the n-th write writes
-- Answers for each commit its seq if it was applied · "1" a revision moved · "2 kept" the key was used,
-- and this is kept: "digest time seq reply" · "3 now" the store's clock is outside not_before…before,
-- or more than a day off the caller's.
-- Each is applied whole or refused whole; all share the reads and writes of this call. In one call no field
-- that is written is checked by another commit, and no key comes twice: the caller sees to that.
-- It runs for each change there is, and a string of Lua costs its bytes each time it is made: so it makes
-- few and short ones, and walks ARGV in place.
--
-- Where the records under a prefix are: every BLOCK of them are a block, known by the seq of its last one and the
-- steps to it: how far it is from each to the next. What is no whole block yet is kept with the prefix.
--
-- Published on the log's own name: "first last\n" and the records with these seqs, one behind the other.

local FORM = '2'       -- of what is kept: store_setup.c refuses another
local BLOCK = 128      -- records
local CHUNK = 4000     -- arguments that unpack() and a command can take
local SPARSE = 64      -- blocks a page more where few records are kept
local DAY_MS = 86400000
local DIGITS = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}

local call, format, find, sub, match, concat -- there only when a function runs

local function begin()
    call = redis.call
    format, find, sub, match, concat = string.format, string.find, string.sub, string.match, table.concat
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

local function call_all(command, key, args, n)
    if n <= CHUNK then return n > 0 and call(command, key, unpack(args, 1, n)) end
    for from = 1, n, CHUNK do
        call(command, key, unpack(args, from, math.min(from + CHUNK - 1, n)))
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

-- "seq count steps" of a prefix, as it is kept. Seqs are texts too: most of them are only written again.
local function head_of(prefix, value)
    local head = {prefix = prefix, last = '0', seq = 0, count = 0, steps = {}, n = 0}
    if value then
        local last, count, steps = match(value, '^(%d+) (%d+) ?(.*)')
        head.last, head.seq, head.count = last, tonumber(last), tonumber(count)
        if steps ~= '' then head.steps[1], head.n = steps, 1 end
    end
    return head
end

-- What is kept of it.
local function value_of(head)
    local n, steps = head.n, head.steps
    if head.count == 1 then return head.last .. ' 1' end
    if n == 2 then -- what was kept and one step: concat() costs more than all the rest
        return head.last .. ' ' .. text_of(head.count) .. ' ' .. steps[1] .. ' ' .. steps[2]
    end
    return head.last .. ' ' .. text_of(head.count) .. (n > 0 and ' ' .. concat(steps, ' ', 1, n) or '')
end

-- The seqs of the last records under some prefixes, each ended by a space.
local function lasts_of(list)
    local a, b, c, d = list[1], list[2], list[3], list[4]
    if d and not list[5] then return a.last .. ' ' .. b.last .. ' ' .. c.last .. ' ' .. d.last .. ' ' end
    local line = ''
    for k = 1, #list do line = line .. list[k].last .. ' ' end
    return line
end

-- The heads of each parent's prefixes; all of them, by prefix; and in a row.
local function parents_of(key, ARGV, from, upto)
    local lists, heads, row, names = {}, {}, {}, {'#'}
    for i = from, upto do
        local list = prefixes_of(ARGV[i])
        lists[i - from + 1] = list
        for k = 1, #list do
            if not heads[list[k]] then
                heads[list[k]] = true
                names[#names + 1] = list[k]
            end
        end
    end
    local values = get_all(key, names, 1, #names)
    for i = 1, #names do
        row[i] = head_of(names[i], values[i])
        heads[names[i]] = row[i]
    end
    for i = 1, #lists do
        for k = 1, #lists[i] do lists[i][k] = heads[lists[i][k]] end
    end
    return lists, heads, row
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
    local n, today, ttl, parent_count, field_count, topic_count, shapes = unpack(cmsgpack.unpack(ARGV[1]))
    local key = 2 + parent_count
    local digest, revision, field = key + n, key + 2 * n, key + 3 * n
    local topic = field + field_count
    local at = topic + topic_count
    local lists, heads, parents = parents_of(KEYS[4], ARGV, 2, key - 1)
    local leaves = get_all(KEYS[4], ARGV, topic, at - 1)
    local documents = get_all(KEYS[1], ARGV, field, topic - 1)
    -- the store's clock says which day it is; the caller's may be one off, no more: then it is told
    local off = math.floor(now / DAY_MS) - today
    local far = off < -1 or off > 1
    local day = far and 7 or 7 + off
    local kept = get_all(KEYS[day], ARGV, key, digest - 1)
    local older = day > 6 and get_all(KEYS[day - 1], ARGV, key, digest - 1) or {}
    local first = parents[1].seq
    local seq, text, tens, front = first, parents[1].last, -1, nil
    local writes, added, removed, log, moved, blocks, keeps, roots = {}, {}, {}, {}, {}, {}, {}, {}
    local writes_n, added_n, removed_n, log_n, moved_n, blocks_n, keeps_n = 0, 0, 0, 0, 0, 0, 0

    -- Why commit i is refused, whose first check comes after `checked`; nil if it is not.
    local function refusal(i, shape, checked)
        if far then return '3 ' .. now_text end
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

    -- Counts the record that is being added under a prefix.
    local function pass(head)
        local passed, step, n = head.count + 1, seq - head.seq, head.n
        head.last, head.seq, head.count = text, seq, passed
        if passed % BLOCK == 1 then return end -- it is the first of a block
        n = n + 1
        head.steps[n], head.n = step < 10 and DIGITS[step + 1] or text_of(step), n
        if passed % BLOCK == 0 then
            blocks[blocks_n + 1] = head.prefix .. ' ' .. text_of(passed / BLOCK)
            blocks_n = blocks_n + 2
            blocks[blocks_n] = text .. ' ' .. concat(head.steps, ' ', 1, n)
            head.n = 0
        end
    end

    -- Adds the record of topic number i, with the prefixes of its parent, its fixed head and its data.
    local function add_record(i, list, fixed, data)
        local name = ARGV[topic + i - 1]
        seq = seq + 1
        local digit = seq % 10
        if seq - digit ~= tens then
            tens = seq - digit
            front = tens == 0 and '' or text_of(tens / 10)
        end
        text = front .. DIGITS[digit + 1]
        local line = lasts_of(list)
        for k = 1, #list do pass(list[k]) end
        local own, prev, value = heads[name] or leaves[i], '0', text .. ' 1'
        if own then -- it is not the first of its topic
            if type(own) == 'string' then own = head_of(name, own) end
            prev = own.last
            pass(own)
            value = value_of(own)
        end
        heads[name] = own or value
        moved[moved_n + 1] = name
        moved_n = moved_n + 2
        moved[moved_n] = value
        local root = list[1] and list[1].prefix == '' and list[2] or list[1]
        roots[root and root.prefix ~= '' and root.prefix or name] = text
        log[log_n + 1] = text
        log_n = log_n + 2
        log[log_n] = line .. prev .. ' ' .. now_text .. '\n' .. fixed .. data
    end

    -- Takes over what commit i writes; its own arguments begin at `write`, its fields after `checked`, its
    -- topics after `told`.
    local function apply(i, shape, write, checked, told)
        local remove = write + shape[3]
        local add = remove + shape[4]
        local head, extra = add + shape[5], 10 + shape[3]
        for j = 1, shape[3] do
            writes[writes_n + 1] = ARGV[field + checked + shape[10 + j] - 1]
            writes_n = writes_n + 2
            writes[writes_n] = ARGV[write + j - 1]
        end
        for j = remove, add - 1 do
            removed_n = removed_n + 1
            removed[removed_n] = ARGV[j]
        end
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
    local i = 0
    for s = 1, #shapes do
        local shape = shapes[s]
        for _ = 1, shape[1] do
            i = i + 1
            local refused = refusal(i, shape, checked)
            if not refused then apply(i, shape, at, checked, told) end
            answers[i] = refused or seq
            at = at + shape[10]
            checked, told = checked + shape[2], told + shape[6]
        end
    end

    call_all('HSET', KEYS[1], writes, writes_n)
    call_all('ZREM', KEYS[2], removed, removed_n)
    call_all('ZADD', KEYS[2], added, added_n)
    if seq > first then
        parents[1].last, parents[1].count = text, seq
        for i = 1, #parents do
            moved[moved_n + 1] = parents[i].prefix
            moved_n = moved_n + 2
            moved[moved_n] = value_of(parents[i])
        end
        if first == 0 then
            moved[moved_n + 1] = '#form'
            moved_n = moved_n + 2
            moved[moved_n] = FORM
        end
        call_all('HSET', KEYS[3], log, log_n)
        call_all('HSET', KEYS[4], moved, moved_n)
        call_all('HSET', KEYS[5], blocks, blocks_n)
        publish(KEYS[3], log)
        -- who follows one tree only (common/log/follow.c) is told that there is something to read
        for root, upto in pairs(roots) do call('PUBLISH', KEYS[3] .. ':' .. root, upto) end
    end
    if keeps_n > 0 then
        call_all('HSET', KEYS[day], keeps, keeps_n)
        call('EXPIRE', KEYS[day], ttl, 'NX') -- with the day's first: each time it would be written to disk
    end
    return answers
end

-- The number of the first block of a prefix that ends after `after`, or of the one behind all.
local function first_block(key, prefix, after, count)
    local low, high = 1, math.floor(count / BLOCK) + 1
    while low < high do
        local middle = math.floor((low + high) / 2)
        local block = call('HGET', key, prefix .. ' ' .. text_of(middle))
        if block and tonumber(match(block, '^%d+')) > after then high = middle else low = middle + 1 end
    end
    return low
end

-- KEYS 1 prefixes  2 blocks; ARGV prefix ("#": all seqs there are), after, limit.
-- Answers last, first, then "seq steps" of each block with records after `after`, in order: those of the first
-- `limit` records and some more. To read the records themselves here would cost several times what it costs to
-- read them by their seqs. Before `first` only some of them are kept (trim), so more blocks are given.
local function log_find(KEYS, ARGV)
    begin()
    local prefix, after, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
    local values = call('HMGET', KEYS[1], prefix, '#first')
    local head = head_of(prefix, values[1])
    local count, page = head.count, {head.last, values[2] or '1'}
    if head.seq <= after or limit == 0 then return page end
    if prefix == '#' then
        local n = math.min(head.seq - after, limit)
        page[3] = text_of(after + n) .. string.rep(' 1', n - 1)
        return page
    end
    local low, names = first_block(KEYS[2], prefix, after, count), {}
    local many = math.floor(limit / BLOCK) + (after + 1 < tonumber(page[2]) and SPARSE or 1)
    for i = low, math.min(low + many, math.floor(count / BLOCK)) do
        names[#names + 1] = prefix .. ' ' .. text_of(i)
    end
    local blocks = get_all(KEYS[2], names, 1, #names)
    for i = 1, #names do page[i + 2] = blocks[i] end
    if low + #names > count / BLOCK and count % BLOCK > 0 then page[#page + 1] = head.last .. ' ' .. (head.steps[1] or '') end
    return page
end

-- The seq, topic and seq before it on its topic of a record; nothing if it is not there or damaged.
local function told_by(record)
    local at = record and find(record, '\n', 1, true)
    if not at or #record < at + 10 then return end
    local len = struct.unpack('>H', record, at + 1)
    return sub(record, at + 11, at + 10 + len), match(sub(record, 1, at - 1), '(%d+) %d+$')
end

-- Writes a block again without the seqs that are not kept any more, but its last one, by which it is found.
local function thin(log, blocks, name, block)
    local last, kept, steps = match(block, '^%d+'), {}, {}
    local seq = tonumber(last)
    for step in block:gmatch(' (%d+)') do seq = seq - step end
    for step in (block .. ' 0'):gmatch(' (%d+)') do
        if call('HEXISTS', log, text_of(seq)) == 1 or seq == tonumber(last) then kept[#kept + 1] = seq end
        seq = seq + step
    end
    for i = 2, #kept do steps[i - 1] = text_of(kept[i] - kept[i - 1]) end
    call('HSET', blocks, name, last .. (#steps > 0 and ' ' .. concat(steps, ' ') or ''))
end

-- Thins the blocks of a prefix that end after `done` and not after `upto`.
local function thin_all(KEYS, head, done, upto)
    if head.count < BLOCK then return end
    for i = first_block(KEYS[3], head.prefix, done, head.count), math.floor(head.count / BLOCK) do
        local name = head.prefix .. ' ' .. text_of(i)
        local block = call('HGET', KEYS[3], name)
        if not block or tonumber(match(block, '^%d+')) > upto then return end
        thin(KEYS[1], KEYS[3], name, block)
    end
end

-- KEYS 1 log  2 prefixes  3 blocks; ARGV first, limit, then prefixes under which every record stays.
-- Lets go of what is before `first`, which becomes the log's first seq at once; of the records before it `limit`
-- (at most 1000) are gone through. A record goes if there is a newer one on its topic: so the last of
-- each topic stays, and who follows a tree as state finds it all. A seq before a prefix's last (`prev`) stays true
-- whether or not its record is there. Whoever calls next goes on.
-- Answers the log's first and last seq, up to where it is gone through, and how many records are gone in all.
local function trim(KEYS, ARGV)
    begin()
    local values = call('HMGET', KEYS[2], '#', '#first', '#trimmed', '#removed')
    local last = head_of('#', values[1]).seq
    local first = math.min(math.max(tonumber(ARGV[1]), tonumber(values[2] or 1)), last + 1)
    local done, removed = tonumber(values[3] or 0), tonumber(values[4] or 0)
    local upto = math.min(done + math.min(tonumber(ARGV[2]), 1000), first - 1)
    if upto <= done then
        if first > tonumber(values[2] or 1) then call('HSET', KEYS[2], '#first', text_of(first)) end
        return {first, last, done, removed}
    end
    local seqs, topics, parents, before, names, known = {}, {}, {}, {}, {}, {}
    for seq = done + 1, upto do seqs[seq - done] = text_of(seq) end
    local records = get_all(KEYS[1], seqs, 1, #seqs)
    local function name(prefix)
        if not known[prefix] then
            known[prefix] = true
            names[#names + 1] = prefix
        end
    end
    for i = 1, #seqs do
        topics[i], before[i] = told_by(records[i])
        if topics[i] then
            name(topics[i])
            parents[match(topics[i], '^(.*%.)[^.]+%.$') or ''] = true
        end
    end
    for parent in pairs(parents) do
        local list = prefixes_of(parent)
        for k = 1, #list do name(list[k]) end
    end
    local found = get_all(KEYS[2], names, 1, #names)
    for i = 1, #names do known[names[i]] = head_of(names[i], found[i]) end
    local gone = {}
    for i = 1, #seqs do
        local stays = not topics[i]
        for k = 3, #ARGV do stays = stays or sub(topics[i], 1, #ARGV[k]) == ARGV[k] end
        if not stays then
            if known[topics[i]].seq > done + i then gone[#gone + 1] = seqs[i] end
            if before[i] ~= '0' and tonumber(before[i]) <= done then gone[#gone + 1] = before[i] end
        end
    end
    for from = 1, #gone, CHUNK do
        removed = removed + call('HDEL', KEYS[1], unpack(gone, from, math.min(from + CHUNK - 1, #gone)))
    end
    for i = 1, #names do thin_all(KEYS, known[names[i]], done, upto) end
    call('HSET', KEYS[2], '#first', text_of(first), '#trimmed', text_of(upto), '#removed', text_of(removed))
    return {first, last, upto, removed}
end

-- KEYS 1 documents  2 index; ARGV the number of documents, their fields, and index entries: takes them away.
local function drop(KEYS, ARGV)
    begin()
    local n = tonumber(ARGV[1])
    for i = 2, #ARGV do
        if i <= n + 1 then call('HDEL', KEYS[1], ARGV[i]) else call('ZREM', KEYS[2], ARGV[i]) end
    end
    return n
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
redis.register_function('cbm_trim', trim)
redis.register_function('cbm_drop', drop)
redis.register_function{function_name = 'cbm_key', callback = key_get, flags = {'no-writes'}}
redis.register_function{function_name = 'cbm_log_find', callback = log_find, flags = {'no-writes'}}
