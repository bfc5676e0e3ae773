/* SPDX-License-Identifier: Apache-2.0
 *
 * A line is first an entry of views. From there it becomes either JSON at once, or a packed record
 * for the ring, which control turns into an entry again: both ways print the same.
 *
 * Record: version, verbosity + 1, le64 wall ns, then logger, caller, msg (16-bit length, bytes),
 * then fields until the end: kind, key, and a string or an le64.
 */
#include "shm/log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shm/clock.h"

enum { RECORD_VERSION = 1, NAME_BYTES_MAX = 128 };

struct entry_field {
	struct rp_bytes key;
	enum rp_log_kind kind;
	struct rp_bytes str;
	uint64_t bits; /* int, double or bool */
};

struct entry {
	int64_t wall_ns;
	int verbosity;
	struct rp_bytes logger;
	struct rp_bytes caller;
	struct rp_bytes msg;
	struct entry_field field[RP_LOG_FIELDS_MAX + 1]; /* and the count of dropped lines */
	size_t field_count;
};

static int log_verbosity = RP_V2;
static struct rp_spsc_ring *log_ring;

void rp_log_init(int verbosity, struct rp_spsc_ring *ring)
{
	log_verbosity = verbosity;
	log_ring = ring;
}

void rp_log_set_verbosity(int verbosity)
{
	log_verbosity = verbosity;
}

bool rp_log_is_on(int verbosity)
{
	return verbosity <= log_verbosity || verbosity == RP_LOG_ERROR;
}

/* ---- JSON ---- */

static void write_escape(struct rp_writer *w, uint32_t point)
{
	static const char hex[] = "0123456789abcdef";

	switch (point) {
	case '\n':
		rp_write_str(w, "\\n");
		return;
	case '\r':
		rp_write_str(w, "\\r");
		return;
	case '\t':
		rp_write_str(w, "\\t");
		return;
	case '"':
		rp_write_str(w, "\\\"");
		return;
	case '\\':
		rp_write_str(w, "\\\\");
		return;
	default:
		rp_write_str(w, "\\u");
		for (int shift = 12; shift >= 0; shift -= 4)
			rp_write_u8(w, (uint8_t)hex[point >> shift & 0xf]);
		return;
	}
}

/* Controls, C1 included, would reach the reader's terminal; the separators break lines in some. */
static bool needs_escape(uint32_t point)
{
	return point < 0x20 || point == '"' || point == '\\' || (point >= 0x7f && point < 0xa0) ||
	       point == 0x2028 || point == 0x2029;
}

/* Bytes from `at` on that stand for themselves; what is not ASCII is looked at one by one. */
static size_t plain_run(struct rp_bytes text, size_t at)
{
	size_t end = at;

	while (end < text.len && text.ptr[end] >= 0x20 && text.ptr[end] < 0x7f &&
	       text.ptr[end] != '"' && text.ptr[end] != '\\')
		end++;
	return end - at;
}

static void write_string(struct rp_writer *w, struct rp_bytes text, size_t bytes_max)
{
	text = rp_bytes_cut(text, bytes_max);
	rp_write_u8(w, '"');
	for (size_t at = 0; at < text.len;) {
		size_t run = plain_run(text, at);

		rp_write_bytes(w, rp_bytes_slice(text, at, run));
		at += run;
		if (at == text.len)
			break;
		uint32_t point = 0xfffd;
		size_t n = rp_bytes_utf8(rp_bytes_slice(text, at, SIZE_MAX), &point);

		if (n == 0 || needs_escape(point))
			write_escape(w, point);
		else
			rp_write_bytes(w, rp_bytes(text.ptr + at, n));
		at += n != 0 ? n : 1;
	}
	rp_write_u8(w, '"');
}

static void write_number(struct rp_writer *w, double value)
{
	char digits[32];

	if (!isfinite(value)) { /* JSON has none of these; zap quotes them too */
		rp_write_str(w, isnan(value) ? "\"NaN\"" : value > 0 ? "\"+Inf\"" : "\"-Inf\"");
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	rp_write_str(w, digits);
}

static void write_value(struct rp_writer *w, const struct entry_field *field)
{
	double num;

	switch (field->kind) {
	case RP_LOG_STR:
		write_string(w, field->str, RP_LOG_TEXT_BYTES_MAX);
		return;
	case RP_LOG_INT:
		if ((int64_t)field->bits < 0)
			rp_write_u8(w, '-');
		rp_write_u64_dec(w, (int64_t)field->bits < 0 ? 0 - field->bits : field->bits);
		return;
	case RP_LOG_NUM:
		memcpy(&num, &field->bits, sizeof(num));
		write_number(w, num);
		return;
	case RP_LOG_BOOL:
		rp_write_str(w, field->bits != 0 ? "true" : "false");
		return;
	}
}

static const char *level_name(int verbosity)
{
	if (verbosity < 0)
		return "error";
	if (verbosity <= RP_V3)
		return "info";
	return verbosity == RP_V4 ? "debug" : "trace";
}

/* Seconds since the epoch with microseconds. */
static void write_ts(struct rp_writer *w, int64_t wall_ns)
{
	uint64_t us = wall_ns > 0 ? (uint64_t)wall_ns / 1000 : 0;
	uint8_t fraction[7] = {'.'};

	rp_write_u64_dec(w, us / 1000000);
	us %= 1000000;
	for (size_t i = 6; i != 0; i--) {
		fraction[i] = (uint8_t)('0' + us % 10);
		us /= 10;
	}
	rp_write_bytes(w, rp_bytes(fraction, sizeof(fraction)));
}

/* What always fits: level to msg, each cut; see the static_assert in format_line(). */
static void write_start(struct rp_writer *w, const struct entry *entry)
{
	rp_write_str(w, "{\"level\":\"");
	rp_write_str(w, level_name(entry->verbosity));
	rp_write_str(w, "\",\"ts\":");
	write_ts(w, entry->wall_ns);
	if (entry->logger.len != 0) {
		rp_write_str(w, ",\"logger\":");
		write_string(w, entry->logger, NAME_BYTES_MAX);
	}
	rp_write_str(w, ",\"caller\":");
	write_string(w, entry->caller, NAME_BYTES_MAX);
	rp_write_str(w, ",\"msg\":");
	write_string(w, entry->msg, NAME_BYTES_MAX);
}

/* Lines that leave in one write, which never mixes with those of other processes. */
static struct {
	uint8_t data[RP_LOG_LINE_BYTES_MAX];
	size_t used;
} batch;

void rp_log_flush(void)
{
	/* Nobody to tell if it fails. */
	while (batch.used > 0 && write(STDERR_FILENO, batch.data, batch.used) < 0 && errno == EINTR)
		;
	batch.used = 0;
}

static void add_line(struct rp_bytes line)
{
	if (line.len > sizeof(batch.data) - batch.used)
		rp_log_flush();
	memcpy(batch.data + batch.used, line.ptr, line.len);
	batch.used += line.len;
}

static void format_line(const struct entry *entry)
{
	static const char truncated[] = ",\"truncated\":true";
	uint8_t line[RP_LOG_LINE_BYTES_MAX];
	/* Room for the end of the line is kept back. */
	struct rp_writer w = rp_writer(line, sizeof(line) - sizeof(truncated) - 2);

	static_assert(128 + 3 * (6 * NAME_BYTES_MAX + 16) < RP_LOG_LINE_BYTES_MAX - 64,
		      "the start of a line fits even if all of it is escaped");
	write_start(&w, entry);
	RP_ASSERT(w.err == RP_OK);
	for (size_t i = 0; i < entry->field_count; i++) {
		uint8_t *before = w.at;

		rp_write_u8(&w, ',');
		write_string(&w, entry->field[i].key, NAME_BYTES_MAX);
		rp_write_u8(&w, ':');
		write_value(&w, &entry->field[i]);
		if (w.err != RP_OK) {
			w.at = before;
			w.end = line + sizeof(line);
			w.err = RP_OK;
			rp_write_str(&w, truncated);
			break;
		}
	}
	w.end = line + sizeof(line);
	rp_write_str(&w, "}\n");
	add_line(rp_writer_bytes(&w));
}

/* ---- records ---- */

static void pack_str(struct rp_writer *w, struct rp_bytes text, size_t bytes_max)
{
	text = rp_bytes_cut(text, bytes_max);
	rp_write_u8(w, (uint8_t)(text.len >> 8));
	rp_write_u8(w, (uint8_t)text.len);
	rp_write_bytes(w, text);
}

static struct rp_bytes unpack_str(struct rp_reader *r)
{
	size_t high = rp_read_u8(r);

	return rp_read_bytes(r, high << 8 | rp_read_u8(r));
}

static void push_record(const struct entry *entry)
{
	uint8_t storage[RP_LOG_RECORD_BYTES_MAX];
	struct rp_writer w = rp_writer(storage, sizeof(storage));

	static_assert(32 + 3 * (NAME_BYTES_MAX + 2) < RP_LOG_RECORD_BYTES_MAX, "the start fits");
	rp_write_u8(&w, RECORD_VERSION);
	rp_write_u8(&w, (uint8_t)(entry->verbosity + 1));
	rp_write_le64(&w, (uint64_t)entry->wall_ns);
	pack_str(&w, entry->logger, NAME_BYTES_MAX);
	pack_str(&w, entry->caller, NAME_BYTES_MAX);
	pack_str(&w, entry->msg, NAME_BYTES_MAX);
	for (size_t i = 0; i < entry->field_count; i++) {
		const struct entry_field *field = &entry->field[i];
		uint8_t *before = w.at;

		rp_write_u8(&w, (uint8_t)field->kind);
		pack_str(&w, field->key, NAME_BYTES_MAX);
		if (field->kind == RP_LOG_STR) {
			size_t left = (size_t)(w.end - w.at);

			pack_str(&w, field->str,
				 rp_min_size(RP_LOG_TEXT_BYTES_MAX, left > 2 ? left - 2 : 0));
		} else {
			rp_write_le64(&w, field->bits);
		}
		if (w.err != RP_OK) { /* what is left of the fields does not fit */
			w.at = before;
			break;
		}
	}
	(void)rp_spsc_ring_push(log_ring, rp_writer_bytes(&w));
}

void rp_log_write_record(struct rp_bytes record)
{
	struct rp_reader r = rp_reader(record);
	struct entry entry;
	uint8_t version = rp_read_u8(&r);

	entry.field_count = 0;
	entry.verbosity = rp_read_u8(&r) - 1;
	entry.wall_ns = (int64_t)rp_read_le64(&r);
	entry.logger = unpack_str(&r);
	entry.caller = unpack_str(&r);
	entry.msg = unpack_str(&r);
	if (version != RECORD_VERSION || r.err != RP_OK)
		return;
	while (rp_reader_left(&r) != 0 && entry.field_count < RP_ARRAY_LEN(entry.field)) {
		struct entry_field *field = &entry.field[entry.field_count];
		uint8_t kind = rp_read_u8(&r);

		field->key = unpack_str(&r);
		if (kind > RP_LOG_BOOL)
			break;
		field->kind = (enum rp_log_kind)kind;
		if (field->kind == RP_LOG_STR)
			field->str = unpack_str(&r);
		else
			field->bits = rp_read_le64(&r);
		if (r.err != RP_OK)
			break;
		entry.field_count++;
	}
	format_line(&entry);
}

/* ---- writing ---- */

/* Lines of one call site in the current second. Sites that share a cell throw each other out. */
struct site {
	const char *caller;
	int64_t second;
	uint32_t lines;
	uint32_t dropped;
};

/*
 * Count an error line of a call site.
 * @param[out] ret_dropped  lines held back in the seconds before, to be told with this one
 * @return false: hold this one back
 */
static bool may_write(const char *caller, int64_t wall_ns, uint32_t *ret_dropped)
{
	static struct site sites[64];
	struct site *site = &sites[(uintptr_t)caller / 8 % RP_ARRAY_LEN(sites)];
	int64_t second = wall_ns / RP_NS_PER_S;

	*ret_dropped = 0;
	if (site->caller != caller)
		*site = (struct site){caller, second, 0, 0};
	if (site->second == second && site->lines >= RP_LOG_ERRORS_PER_SECOND) {
		site->dropped++;
		return false;
	}
	if (site->second != second) {
		site->second = second;
		site->lines = 0;
	}
	site->lines++;
	*ret_dropped = site->dropped;
	site->dropped = 0;
	return true;
}

/* "dir/file.c:line", whatever path the compiler was given. */
static struct rp_bytes short_caller(const char *caller)
{
	size_t len = strlen(caller);
	const char *file = memrchr(caller, '/', len);
	const char *dir = file != NULL ? memrchr(caller, '/', (size_t)(file - caller)) : NULL;

	return rp_bytes_str(dir != NULL ? dir + 1 : caller);
}

static struct entry_field entry_field(const struct rp_log_field *field)
{
	struct entry_field out = {.key = rp_bytes_str(field->key), .kind = field->kind};

	switch (field->kind) {
	case RP_LOG_STR:
		out.str = field->str;
		break;
	case RP_LOG_INT:
		out.bits = (uint64_t)field->i;
		break;
	case RP_LOG_NUM:
		memcpy(&out.bits, &field->num, sizeof(out.bits));
		break;
	case RP_LOG_BOOL:
		out.bits = field->b;
		break;
	}
	return out;
}

void rp_log_write(int verbosity, const char *logger, const char *caller, const char *msg,
		  const struct rp_log_field *fields, size_t field_count)
{
	struct entry entry; /* its fields are many: only those that are used are written */
	uint32_t dropped = 0;

	if (!rp_log_is_on(verbosity))
		return;
	entry.wall_ns = rp_clock_wall_ns();
	entry.verbosity = verbosity < RP_LOG_ERROR ? RP_LOG_ERROR : verbosity;
	entry.logger = rp_bytes_str(logger != NULL ? logger : "");
	entry.caller = short_caller(caller);
	entry.msg = rp_bytes_str(msg);
	entry.field_count = 0;
	if (verbosity == RP_LOG_ERROR && !may_write(caller, entry.wall_ns, &dropped))
		return;
	for (size_t i = 0; i < field_count && i < RP_LOG_FIELDS_MAX; i++)
		entry.field[entry.field_count++] = entry_field(&fields[i]);
	if (dropped != 0)
		entry.field[entry.field_count++] = entry_field(&RP_F_INT("dropped", dropped));
	if (log_ring != NULL) {
		push_record(&entry);
		return;
	}
	format_line(&entry);
	rp_log_flush();
}
