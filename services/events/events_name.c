/* See events_name.h. It must not know delegations or stores. */
#include "services/events/events_name.h"

#define WORDS_MAX 64

/* Capitals and what is added to make them small; of every second one where they take turns. */
static const struct capitals {
    uint32_t from, upto, step;
    int32_t add;
} capitals[] = {
    {'A', 'Z', 1, 32},        {0xC0, 0xD6, 1, 32},      {0xD8, 0xDE, 1, 32},  {0x100, 0x12E, 2, 1},
    {0x130, 0x130, 1, -0xC7}, {0x131, 0x131, 1, -0xC8}, {0x132, 0x136, 2, 1}, {0x139, 0x147, 2, 1},
    {0x14A, 0x176, 2, 1},     {0x178, 0x178, 1, -0x79}, {0x179, 0x17D, 2, 1}, {0x391, 0x3A9, 1, 32},
    {0x400, 0x40F, 1, 80},    {0x410, 0x42F, 1, 32},    {0x460, 0x480, 2, 1}, {0x48A, 0x4BE, 2, 1},
    {0x4C1, 0x4CD, 2, 1},     {0x4D0, 0x52E, 2, 1},
};

static uint32_t
lower(uint32_t letter)
{
    for (size_t i = 0; i < sizeof capitals / sizeof *capitals; i++)
        if (letter >= capitals[i].from && letter <= capitals[i].upto &&
            (letter - capitals[i].from) % capitals[i].step == 0)
            return (uint32_t)((int32_t)letter + capitals[i].add);
    return letter;
}

/* The next code point of valid UTF-8. */
static uint32_t
take(struct text *rest)
{
    const uint8_t *at = (const uint8_t *)rest->ptr;
    uint32_t len = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    static const uint8_t masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t letter = at[0] & masks[len];
    if (len > rest->len)
        len = rest->len;
    for (uint32_t i = 1; i < len; i++)
        letter = letter << 6 | (at[i] & 0x3F);
    *rest = (struct text){rest->ptr + len, rest->len - len};
    return letter;
}

static uint32_t
put(uint32_t letter, char *out)
{
    if (letter < 0x80) {
        out[0] = (char)letter;
        return 1;
    }
    if (letter < 0x800) {
        out[0] = (char)(0xC0 | letter >> 6);
        out[1] = (char)(0x80 | (letter & 0x3F));
        return 2;
    }
    uint32_t more = letter < 0x10000 ? 2 : 3;
    out[0] = (char)((more == 2 ? 0xE0 : 0xF0) | letter >> (6 * more));
    for (uint32_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (letter >> (6 * (more - i)) & 0x3F));
    return more + 1;
}

/* Whether it stands between words; an apostrophe stands for nothing. */
static bool
is_gap(uint32_t letter)
{
    return letter < '0' || (letter > '9' && letter < 'a') || (letter > 'z' && letter < 0xC0) ||
           (letter >= 0x2000 && letter <= 0x206F);
}

static bool
is_apostrophe(uint32_t letter)
{
    return letter == '\'' || letter == '`' || letter == 0xB4 || letter == 0x2018 ||
           letter == 0x2019 || letter == 0x2BC;
}

/* Splits a name into its words, which go to `bytes`, in order. Returns how many. */
static unsigned
split(struct text name, char bytes[EVENTS_NAME_MAX], struct text words[WORDS_MAX])
{
    unsigned count = 0;
    uint32_t len = 0;
    bool open = false;
    while (name.len && len + 4 <= EVENTS_NAME_MAX) {
        uint32_t letter = lower(take(&name));
        if (is_apostrophe(letter))
            continue;
        if (is_gap(letter)) {
            open = false;
            continue;
        }
        if (!open && count == WORDS_MAX)
            break;
        if (!open)
            words[count++] = (struct text){bytes + len, 0};
        open = true;
        uint32_t put_len = put(letter, bytes + len);
        words[count - 1].len += put_len;
        len += put_len;
    }
    return count;
}

uint32_t
events_name_plain(struct text name, char out[EVENTS_NAME_MAX])
{
    char bytes[EVENTS_NAME_MAX];
    struct text words[WORDS_MAX];
    unsigned count = split(name, bytes, words);
    for (unsigned i = 1; i < count; i++) { /* a few words: an insertion sort */
        struct text word = words[i];
        unsigned at = i;
        for (; at && text_compare(words[at - 1], word) > 0; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
    uint32_t len = 0;
    for (unsigned i = 0; i < count && len + words[i].len + 1 < EVENTS_NAME_MAX; i++) {
        if (i)
            out[len++] = ' ';
        memcpy(out + len, words[i].ptr, words[i].len);
        len += words[i].len;
    }
    return len;
}
