#!lua name=cbm1
-- The one commit, and reading the log back along prev. Keys only in KEYS, values only in ARGV, no rule
-- of the domain. Loaded at start, loaded again when it is lost (FUNCTION FLUSH, a fresh Redis).
--
-- KEYS  1 documents (hash: field -> "revision document")  2 index (sorted set)
--       3 log (hash: seq -> record, common/log/record.h)
--       4 "seq count steps" a prefix, "seq count" of all under "#", the form under "#form" (hash)
--       5 blocks: "seq steps" under "prefix n" (hash)
--       6 7 8 idempotency keys of the day before, the day and the day after (hashes)
-- ARGV  the head (MessagePack), then of each shape the revisions expected (each ended by a space; 0: it must not
--       exist), and of all commits, one after the other: keys ("" none)  digests  fields the revisions are of
--         topics of the records
--       then commit by commit: writes × "revision document"  removes × entry  adds × entry
--         records × (head, data)  reply
--       The head: [commits, the day counted from 1970, ttl of a day's keys in s, parents of topics (a topic
--         without its last level): [parent, …], fields, topics, shapes: [shape, …]]
--         a shape is told once for `times` commits in a row:
--         [times, checks, writes, removes, adds, records, not_before, before, shared, arguments,
--         then of each write the check that names its field, then of each record its parent and where its data is]
--         not_before before: the span of the store's clock in ms, 0 none
--         shared 1: no reply is given, it is the data of the only record
--         arguments: how many there are of the commit alone
--         where its data is: 0 behind the head; n: it is what the n-th write writes
-- Answers the seq before the first record if all are applied; else a list of it and then, of each commit that
-- is refused, its number from 0 and why: "1" a revision moved · "2 kept" the key was used, and this is kept:
-- "digest time seq reply" · "3 now" the store's clock is outside not_before…before, or more than a day off
-- the caller's.
-- Each is applied whole or refused whole; all share the reads and writes of this call. In one call no field
-- that is written is checked by another commit, and no key comes twice: the caller sees to that.
-- It runs for each change there is. Here an instruction of Lua is 80 of the processor's, a table that grows to
-- three 3800, a number made text 2100, a command 7000, and a string costs its bytes each time it is made. So
-- what is the same from call to call is kept (plans, prefixes), records that follow one another are counted
-- together, and ARGV is walked in place.
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
local PLANS, PREFIXES = 128, 512 -- that are kept between calls
local PLAN_LEN = 512   -- bytes of the head of one that is
local FEW = 64         -- arguments of a call whose tables the next one uses again
local EXPIRE_EVERY = 1024 -- records
local DIGITS = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}

local call, format, find, sub, match, concat, rep, floor -- there only when a function runs

local function begin()
    if call then return end
    format, find, sub, match, rep = string.format, string.find, string.sub, string.match, string.rep
    call, concat, floor = redis.call, table.concat, math.floor
end

local function text_of(n) return DIGITS[n + 1] or format('%d', n) end

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

-- Takes over "seq count steps" of a prefix, as it is kept; `steps` has a space before each. Seqs are texts too:
-- most of them are only written again. `value` is what was read, false while it is not what would be kept.
local function read_head(head, value)
    local last, count, from = '0', 0, nil
    if value then last, count, from = match(value, '^(%d+) (%d+)()') end
    head.last, head.seq, head.count, head.steps = last, last + 0, count + 0, from and sub(value, from) or ''
    head.value = value
    return head
end

local function head_of(prefix, value) return read_head({prefix = prefix}, value) end

-- What is kept of it.
local function value_of(head) return head.last .. ' ' .. text_of(head.count) .. head.steps end

-- The seqs of the last records under some prefixes, each ended by a space.
local function lasts_of(list)
    local a, b, c, d = list[1], list[2], list[3], list[4]
    if d and not list[5] then return a.last .. ' ' .. b.last .. ' ' .. c.last .. ' ' .. d.last .. ' ' end
    local line = ''
    for k = 1, #list do line = line .. list[k].last .. ' ' end
    return line
end

-- What is made of heads (ARGV[1]), and prefixes with what was read of them last. Nothing but what was made of a
-- text before, and used for the same text: what is in Redis is read each time.
local plans, plans_n, heads, heads_n = {}, 0, {}, 0

-- The head of a call as it came, but for each parent its prefixes. Behind it are all prefixes in a row from "#" on,
-- their names, each prefix by its name, and those of one level: the trees that followers may ask for.
local function plan_of(text)
    if plans[text] then return plans[text] end
    if plans_n >= PLANS or heads_n >= PREFIXES then plans, plans_n, heads, heads_n = {}, 0, {}, 0 end
    local plan = cmsgpack.unpack(text)
    local row, names, known, trees = {}, {}, {}, {}
    local function add(name)
        if not known[name] then
            if not heads[name] then heads[name], heads_n = {prefix = name}, heads_n + 1 end
            known[name] = heads[name]
            row[#row + 1], names[#names + 1] = known[name], name
        end
        return known[name]
    end
    add('#')
    for i, parent in ipairs(plan[4]) do
        local list = prefixes_of(parent)
        for k = 1, #list do list[k] = add(list[k]) end
        list.tree = list[1] and list[1].prefix == '' and list[2] or list[1]
        if list.tree and list.tree.prefix == '' then list.tree = nil end
        if list.tree and not trees[list.tree] then trees[#trees + 1], trees[list.tree] = list.tree, true end
        plan[4][i] = list
    end
    for _, shape in ipairs(plan[7]) do
        local own = shape[3] + shape[4] + shape[5] + shape[6] + 1 - shape[9]
        for j = 1, shape[3] do assert(shape[10 + j] > 0 and shape[10 + j] <= shape[2]) end
        for j = 11 + shape[3], #shape, 2 do
            assert(plan[4][shape[j]] and shape[j + 1] <= shape[3])
            own = own + (shape[j + 1] == 0 and 1 or 0)
        end
        assert(own == shape[10] and #shape == 10 + shape[3] + 2 * shape[6])
    end
    plan[8], plan[9], plan[10], plan[11] = row, names, known, trees
    if #text <= PLAN_LEN then plans[text], plans_n = plan, plans_n + 1 end
    return plan
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
    return time[1] * 1000 + floor(time[2] / 1000)
end

-- Tells who follows the whole log of seq, record, seq, record, …, `n` in all. Eight records go in one message,
-- joined at once: table.concat would make several strings of each.
local function publish(channel, log, n)
    for at = 1, n, 16 do
        local last = log[math.min(at + 14, n - 1)]
        call('PUBLISH', channel, log[at] .. ' ' .. last .. '\n' .. log[at + 1] .. (log[at + 3] or '') ..
            (log[at + 5] or '') .. (log[at + 7] or '') .. (log[at + 9] or '') .. (log[at + 11] or '') ..
            (log[at + 13] or '') .. (log[at + 15] or ''))
    end
end

-- Of the call that runs: what it will write, and how many texts these are.
local writes, added, removed, moved, blocks, keeps = {}, {}, {}, {}, {}, {}
local writes_n, added_n, removed_n, moved_n, blocks_n, keeps_n, log_n = 0, 0, 0, 0, 0, 0, 0
local log
local size = 0             -- its arguments
local now, now_text
local seq, text            -- the seq of the last record, and it as text
local tens, front = 0, ''  -- of it all but the last digit
local run, run_from        -- the prefixes of the records since run_from, which are not counted yet
local topics               -- what is kept of those of this call, by name; nil if there is but one
local rootless             -- the topics of one level, likewise
local own = {}             -- the topic of a record, if it has some already
local expiring, expires_at -- the hash of keys that was given its time to live, and at which seq it was

-- Counts `times` records under a prefix, from seq `from` to the last one.
local function pass(head, from, times)
    local passed, step, steps = head.count, from - head.seq, head.steps
    local place = passed % BLOCK
    head.value, head.last, head.seq = nil, text, seq
    if times == 1 and place > 0 and place < BLOCK - 1 then
        head.count, head.steps = passed + 1, steps .. ' ' .. (DIGITS[step + 1] or text_of(step))
        return
    end
    while times > 0 do
        place = passed % BLOCK
        local taken = math.min(times, BLOCK - place)
        steps = (place > 0 and steps .. ' ' .. text_of(step) or '') .. rep(' 1', taken - 1)
        passed, from, times, step = passed + taken, from + taken, times - taken, 1
        if passed % BLOCK == 0 then
            blocks[blocks_n + 1] = head.prefix .. ' ' .. text_of(passed / BLOCK)
            blocks_n = blocks_n + 2
            blocks[blocks_n] = text_of(from - 1) .. steps
            steps = ''
        end
    end
    head.count, head.steps = passed, steps
end

local function end_run()
    if not run then return end
    for k = 1, #run do pass(run[k], run_from, seq - run_from + 1) end
    run = nil
end

-- The seqs of the records before the next one under its prefixes, each ended by a space.
local function before_next(list)
    if list == run then
        if list[4] and not list[5] then return text .. ' ' .. text .. ' ' .. text .. ' ' .. text .. ' ' end
        return rep(text .. ' ', #list)
    end
    end_run()
    run, run_from = list, seq + 1
    return lasts_of(list)
end

-- Counts the record under its own topic, which has some already. Returns the seq of the one before it and what
-- is kept, nil if the topic is a prefix too and so kept with these.
local function pass_own(name, prefix, value)
    local head = prefix or read_head(own, value)
    local before = head.last
    head.prefix = name
    pass(head, seq, 1)
    return before, not prefix and value_of(head) or nil
end

-- Adds a record with the prefixes of its parent, its fixed head and its data; `value` is kept of its topic.
local function add_record(name, value, prefix, list, fixed, data)
    local line, prev = before_next(list), '0'
    seq = seq + 1
    local digit = seq % 10
    if seq - digit ~= tens then
        tens = seq - digit
        front = tens == 0 and '' or text_of(tens / 10)
    end
    text = front .. DIGITS[digit + 1]
    value = topics and topics[name] or value
    if prefix or value then prev, value = pass_own(name, prefix, value) else value = text .. ' 1' end
    if value then
        moved[moved_n + 1] = name
        moved_n = moved_n + 2
        moved[moved_n] = value
        if topics then topics[name] = value end
    end
    if not list.tree and not prefix then
        rootless = rootless or {}
        rootless[name] = text
    end
    log[log_n + 1] = text
    log_n = log_n + 2
    log[log_n] = line .. prev .. ' ' .. now_text .. '\n' .. fixed .. data
end

-- Takes over what is kept of the prefixes of a call. Returns what is kept of the topics of its records.
local function read_prefixes(key, plan, ARGV, topic)
    local row, names, count = plan[8], plan[9], plan[6]
    local kept, shift, leaves
    if count == 1 then -- the rule for a lone call: one command for all
        kept, shift = call('HMGET', key, ARGV[topic], unpack(names)), 1
        leaves = kept
    else
        kept, shift = get_all(key, names, 1, #names), 0
        leaves = get_all(key, ARGV, topic, topic + count - 1)
    end
    for i = 1, #row do
        local value = kept[i + shift]
        if row[i].value ~= value then read_head(row[i], value) end
    end
    return leaves
end

-- Takes over a commit, whose own arguments begin at `at`, its fields at `field`, its topics at `topic` with what
-- is kept of them behind leaves[told]. Returns where its reply is.
local function apply(plan, shape, ARGV, at, field, topic, leaves, told)
    local add = at + shape[3] + shape[4]
    local head = add + shape[5]
    for j = 1, shape[3] do
        writes[writes_n + 1] = ARGV[field + shape[10 + j] - 1]
        writes_n = writes_n + 2
        writes[writes_n] = ARGV[at + j - 1]
    end
    for j = at + shape[3], add - 1 do
        removed_n = removed_n + 1
        removed[removed_n] = ARGV[j]
    end
    for j = add, head - 1 do
        added[added_n + 1] = '0'
        added_n = added_n + 2
        added[added_n] = ARGV[j]
    end
    local extra = 9 + shape[3]
    for j = 1, shape[6] do
        local name, where = ARGV[topic + j - 1], shape[extra + 2 * j + 1]
        add_record(name, leaves[told + j], plan[10][name], plan[4][shape[extra + 2 * j]], ARGV[head],
            ARGV[where == 0 and head + 1 or at + where - 1])
        head = head + (where == 0 and 2 or 1)
    end
    return head
end

-- Why a commit is refused whose key has `used`, and whose documents come after `checked`; nil if it is not.
local function refusal(used, KEYS, shape, documents, checked, expected)
    used = used and kept_of(KEYS[3], used, now)
    if used then return '2 ' .. used end
    local not_before, before = shape[7], shape[8]
    if not_before > 0 and now < not_before or before > 0 and now >= before then return '3 ' .. now_text end
    local revisions = ''
    for j = checked + 1, checked + shape[2] do
        local document = documents[j]
        revisions = revisions .. (document and (match(document, '^%d+') or '0') .. ' ' or '0 ')
    end
    return revisions ~= expected and '1' or nil
end

-- Writes what was taken over of all commits; the seq before their first record is `first`.
local function write_all(KEYS, plan, first)
    call_all('HSET', KEYS[1], writes, writes_n)
    call_all('ZREM', KEYS[2], removed, removed_n)
    call_all('ZADD', KEYS[2], added, added_n)
    if seq == first then return end
    local row = plan[8]
    for i = 1, #row do
        local head = row[i]
        if head.seq > first then
            head.value = i == 1 and text .. ' ' .. text or value_of(head)
            moved[moved_n + 1] = head.prefix
            moved_n = moved_n + 2
            moved[moved_n] = head.value
        end
    end
    if first == 0 then
        moved[moved_n + 1] = '#form'
        moved_n = moved_n + 2
        moved[moved_n] = FORM
    end
    call_all('HSET', KEYS[3], log, log_n)
    call_all('HSET', KEYS[4], moved, moved_n)
    call_all('HSET', KEYS[5], blocks, blocks_n)
    publish(KEYS[3], log, log_n)
    -- who follows one tree only (common/log/follow.c) is told that there is something to read
    for _, tree in ipairs(plan[11]) do
        if tree.seq > first then call('PUBLISH', KEYS[3] .. ':' .. tree.prefix, tree.last) end
    end
    for name, upto in pairs(rootless or {}) do call('PUBLISH', KEYS[3] .. ':' .. name, upto) end
end

-- Writes what the keys of the day keep. The hash goes with its first key's time: it is told so once, and again
-- now and then, because it may have been deleted.
local function write_keys(day, ttl)
    if keeps_n == 0 then return end
    call_all('HSET', day, keeps, keeps_n)
    if day == expiring and seq > expires_at and seq < expires_at + EXPIRE_EVERY then return end
    call('EXPIRE', day, ttl, 'NX')
    expiring, expires_at = day, seq
end

-- The tables of a small call are used again, those of a large one would hold too much.
local function begin_call(arguments)
    now = now_ms()
    now_text = text_of(now)
    if size > FEW then
        writes, added, removed, moved, blocks, keeps = {}, {}, {}, {}, {}, {}
    end
    size, writes_n, added_n, removed_n, moved_n, blocks_n, keeps_n, log_n = arguments, 0, 0, 0, 0, 0, 0, 0
    log, run, topics, rootless = {false, false}, nil, nil, nil
end

local function keep(key, digest, reply)
    if key == '' then return end
    keeps[keeps_n + 1] = key
    keeps_n = keeps_n + 2
    keeps[keeps_n] = digest .. ' ' .. now_text .. ' ' .. text .. (reply and ' ' .. reply or ' =')
end

local function commit(KEYS, ARGV)
    begin()
    begin_call(#ARGV)
    local plan = plan_of(ARGV[1])
    local n, shapes, prefixes = plan[1], plan[7], plan[8]
    -- the store's clock says which day it is; the caller's may be one off, no more: then it is told
    local off = floor(now / DAY_MS) - plan[2]
    local far = (off < -1 or off > 1) and '3 ' .. now_text
    local day, key = far and 7 or 7 + off, 2 + #shapes
    local digest, field = key + n, key + 2 * n
    local topic = field + plan[5]
    local at = topic + plan[6]
    local leaves = read_prefixes(KEYS[4], plan, ARGV, topic)
    local documents = get_all(KEYS[1], ARGV, field, topic - 1)
    local kept = get_all(KEYS[day], ARGV, key, digest - 1)
    local older = day > 6 and get_all(KEYS[day - 1], ARGV, key, digest - 1)
    local first, i, checked, told, answer = prefixes[1].seq, 0, 0, 0, nil
    seq, text, topics = first, prefixes[1].last, plan[6] > 1 and {} or nil
    for s = 1, #shapes do
        local shape = shapes[s]
        for _ = 1, shape[1] do
            local used = kept[i + 1] or older and older[i + 1]
            local refused = far or refusal(used, KEYS, shape, documents, checked, ARGV[1 + s])
            if refused then
                answer = answer or {first}
                answer[#answer + 1], answer[#answer + 2] = i, refused
            else
                local reply = apply(plan, shape, ARGV, at, field + checked, topic + told, leaves, told)
                keep(ARGV[key + i], ARGV[digest + i], shape[9] == 0 and ARGV[reply])
            end
            i, at, checked, told = i + 1, at + shape[10], checked + shape[2], told + shape[6]
        end
    end
    assert(i == n and at == #ARGV + 1)
    end_run()
    prefixes[1].value, prefixes[1].last, prefixes[1].seq, prefixes[1].count = nil, text, seq, seq
    write_all(KEYS, plan, first)
    write_keys(KEYS[day], plan[3])
    return answer or first
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
    if low + #names > count / BLOCK and count % BLOCK > 0 then page[#page + 1] = head.last .. head.steps end
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
