/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/object_feed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/kube/object.h"

enum {
	AT_TOP, /* before the list, or between events */
	AT_END, /* after the list */
	AT_VALUE,
	AT_ELEMENT_OR_END,
	AT_KEY,
	AT_KEY_OR_END,
	AT_COLON,
	AFTER_VALUE,
	/* from here on blanks are no blanks */
	IN_STRING,
	IN_ESCAPE,
	IN_HEX,
	IN_WORD,
	AFTER_MINUS,
	AFTER_ZERO,
	IN_INTEGER,
	AFTER_POINT,
	IN_FRACTION,
	AFTER_E,
	AFTER_E_SIGN,
	IN_EXPONENT,
};

enum { MEMBER_OTHER, MEMBER_METADATA, MEMBER_ARRAY };

enum capture { CAPTURE_NOTHING, CAPTURE_KEY, CAPTURE_METADATA, CAPTURE_OBJECT };

enum {
	KEY_BYTES_MAX = 256,   /* of the list's own members: a longer one is none that we read */
	NUMBER_BYTES_MAX = 60, /* cJSON takes 63 */
	TEXT_ROOM_MIN = 4096,
	TEXT_ROOM_KEPT = 65536, /* from one object to the next */
};

/* The piece, and from where on it is still to be captured. */
struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	const uint8_t *from;
};

static void init(struct rp_object_feed *feed, const char *array_key,
		 const struct rp_object_feed_ops *ops, void *user)
{
	*feed = (struct rp_object_feed){
		.ops = ops, .user = user, .array_key = array_key, .state = AT_TOP};
}

void rp_object_feed_init_list(struct rp_object_feed *feed, const char *array_key,
			      const struct rp_object_feed_ops *ops, void *user)
{
	init(feed, array_key, ops, user);
}

void rp_object_feed_init_watch(struct rp_object_feed *feed, const struct rp_object_feed_ops *ops,
			       void *user)
{
	init(feed, NULL, ops, user);
}

void rp_object_feed_fini(struct rp_object_feed *feed)
{
	free(feed->text);
	feed->text = NULL;
	feed->text_bytes = 0;
	feed->text_room = 0;
}

/* "0" means "any": what is watched from there could be older than what is known. */
static struct rp_bytes version_of(const cJSON *metadata)
{
	struct rp_bytes version = rp_kube_text(metadata, "resourceVersion");

	if (version.len >= RP_KUBE_VERSION_BYTES_MAX || rp_bytes_equal_str(version, "0"))
		return RP_BYTES_LIT("");
	return version;
}

struct rp_bytes rp_object_version(const cJSON *object)
{
	return version_of(rp_kube_member(object, "metadata"));
}

/* ---- what is captured ---- */

static int reserve(struct rp_object_feed *feed, size_t bytes)
{
	size_t room = rp_max_size(feed->text_room, TEXT_ROOM_MIN);
	char *text;

	while (room < bytes)
		room *= 2;
	if (room == feed->text_room)
		return RP_OK;
	text = realloc(feed->text, room);
	if (text == NULL)
		return RP_ENOMEM;
	feed->text = text;
	feed->text_room = room;
	return RP_OK;
}

static void start_capture(struct rp_object_feed *feed, struct cursor *c, enum capture capture)
{
	feed->capture = (uint8_t)capture;
	feed->capture_depth = feed->depth;
	feed->is_too_big = false;
	feed->text_bytes = 0;
	c->from = c->at;
}

/* Keep what was read since the last time, with room for a terminator. */
static int keep(struct rp_object_feed *feed, struct cursor *c)
{
	size_t max = feed->capture == CAPTURE_KEY ? KEY_BYTES_MAX : RP_KUBE_OBJECT_BYTES_MAX;
	size_t bytes = (size_t)(c->at - c->from);
	int err;

	if (feed->capture == CAPTURE_NOTHING || feed->is_too_big || bytes == 0)
		return RP_OK;
	if (bytes > max - feed->text_bytes) {
		feed->is_too_big = true;
		return RP_OK;
	}
	err = reserve(feed, feed->text_bytes + bytes + 1);
	if (err != RP_OK)
		return err;
	memcpy(feed->text + feed->text_bytes, c->from, bytes);
	feed->text_bytes += bytes;
	c->from = c->at;
	return RP_OK;
}

static void read_key(struct rp_object_feed *feed, const cJSON *key)
{
	struct rp_bytes name = rp_bytes_str(key->valuestring);

	if (rp_bytes_equal_str(name, feed->array_key))
		feed->member = MEMBER_ARRAY;
	else if (rp_bytes_equal_str(name, "metadata"))
		feed->member = MEMBER_METADATA;
}

static int read_metadata(struct rp_object_feed *feed, const cJSON *metadata)
{
	struct rp_bytes next = rp_kube_text(metadata, "continue");

	if (next.len >= sizeof(feed->next))
		return RP_ETOOBIG;
	(void)rp_bytes_to_str(version_of(metadata), feed->version, sizeof(feed->version));
	(void)rp_bytes_to_str(next, feed->next, sizeof(feed->next));
	return RP_OK;
}

static int read_object(struct rp_object_feed *feed, const cJSON *value)
{
	const cJSON *object = rp_kube_member(value, "object");
	struct rp_bytes type = rp_kube_text(value, "type");

	if (feed->array_key != NULL)
		return feed->ops->on_object(feed->user, RP_BYTES_LIT(""), value);
	if (object == NULL || type.len == 0)
		return RP_EFORMAT;
	return feed->ops->on_object(feed->user, type, object);
}

/* What is captured is complete. */
static int end_capture(struct rp_object_feed *feed, struct cursor *c)
{
	enum capture capture = (enum capture)feed->capture;
	cJSON *value;
	int err = keep(feed, c);

	feed->capture = CAPTURE_NOTHING;
	if (err != RP_OK)
		return err;
	if (feed->is_too_big && capture == CAPTURE_OBJECT)
		return feed->ops->on_too_big(feed->user);
	if (feed->is_too_big)
		return capture == CAPTURE_KEY ? RP_OK : RP_ETOOBIG;
	value = cJSON_ParseWithLength(feed->text, feed->text_bytes);
	if (value == NULL)
		return RP_EFORMAT;
	if (capture == CAPTURE_KEY)
		read_key(feed, value);
	else if (capture == CAPTURE_METADATA)
		err = read_metadata(feed, value);
	else
		err = read_object(feed, value);
	cJSON_Delete(value);
	if (feed->text_room > TEXT_ROOM_KEPT)
		rp_object_feed_fini(feed);
	return err;
}

/* ---- the text ---- */

static bool is_in_object(const struct rp_object_feed *feed)
{
	return ((feed->objects >> (feed->depth - 1)) & 1) != 0;
}

/* c->at stands behind the value. */
static int end_value(struct rp_object_feed *feed, struct cursor *c)
{
	feed->state = AFTER_VALUE;
	if (feed->depth == 0)
		feed->state = feed->array_key != NULL ? AT_END : AT_TOP;
	if (feed->capture != CAPTURE_NOTHING && feed->depth == feed->capture_depth)
		return end_capture(feed, c);
	return RP_OK;
}

static int open_container(struct rp_object_feed *feed, bool is_object)
{
	uint64_t bit;

	_Static_assert(RP_KUBE_JSON_DEPTH_MAX <= 64, "a bit of `objects` each");
	if (feed->depth == RP_KUBE_JSON_DEPTH_MAX)
		return RP_ETOOBIG;
	bit = UINT64_C(1) << feed->depth;
	feed->objects = is_object ? feed->objects | bit : feed->objects & ~bit;
	feed->depth++;
	feed->state = is_object ? AT_KEY_OR_END : AT_ELEMENT_OR_END;
	return RP_OK;
}

static int close_container(struct rp_object_feed *feed, struct cursor *c, uint8_t byte)
{
	if (byte != (is_in_object(feed) ? '}' : ']'))
		return RP_EFORMAT;
	feed->depth--;
	c->at++;
	return end_value(feed, c);
}

/* The places of what is read, and what may stand there. */
static int check_place(struct rp_object_feed *feed, struct cursor *c, uint8_t byte)
{
	bool is_list = feed->array_key != NULL;

	if (feed->depth == 0 && byte != '{')
		return RP_EFORMAT;
	if (!is_list && feed->depth == 0)
		start_capture(feed, c, CAPTURE_OBJECT);
	if (!is_list || feed->depth == 0 || feed->depth > 2 || feed->member == MEMBER_OTHER)
		return RP_OK;
	if (feed->depth == 1 && byte != 'n' && byte != (feed->member == MEMBER_ARRAY ? '[' : '{'))
		return RP_EFORMAT;
	if (feed->depth == 2 && feed->member == MEMBER_ARRAY && byte != '{')
		return RP_EFORMAT;
	if (feed->depth == 1 && feed->member == MEMBER_METADATA)
		start_capture(feed, c, CAPTURE_METADATA);
	else if (feed->depth == 2 && feed->member == MEMBER_ARRAY)
		start_capture(feed, c, CAPTURE_OBJECT);
	return RP_OK;
}

static int begin_value(struct rp_object_feed *feed, struct cursor *c, uint8_t byte)
{
	int err = check_place(feed, c, byte);

	if (err != RP_OK)
		return err;
	c->at++;
	feed->number_bytes = 1;
	switch (byte) {
	case '{':
	case '[':
		return open_container(feed, byte == '{');
	case '"':
		feed->is_key = false;
		feed->state = IN_STRING;
		return RP_OK;
	case 't':
	case 'f':
	case 'n':
		feed->word = byte == 't' ? "rue" : byte == 'f' ? "alse" : "ull";
		feed->state = IN_WORD;
		return RP_OK;
	case '-':
		feed->state = AFTER_MINUS;
		return RP_OK;
	default:
		if (byte < '0' || byte > '9')
			return RP_EFORMAT;
		feed->state = byte == '0' ? AFTER_ZERO : IN_INTEGER;
		return RP_OK;
	}
}

static int begin_key(struct rp_object_feed *feed, struct cursor *c, uint8_t byte)
{
	if (byte != '"')
		return RP_EFORMAT;
	if (feed->array_key != NULL && feed->depth == 1) {
		feed->member = MEMBER_OTHER;
		start_capture(feed, c, CAPTURE_KEY);
	}
	c->at++;
	feed->is_key = true;
	feed->state = IN_STRING;
	return RP_OK;
}

/* Between strings, words and numbers. */
static int step_between(struct rp_object_feed *feed, struct cursor *c)
{
	uint8_t byte = *c->at;

	if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
		c->at++;
		return RP_OK;
	}
	switch (feed->state) {
	case AT_ELEMENT_OR_END:
		if (byte == ']')
			return close_container(feed, c, byte);
		return begin_value(feed, c, byte);
	case AT_TOP:
	case AT_VALUE:
		return begin_value(feed, c, byte);
	case AT_KEY_OR_END:
		if (byte == '}')
			return close_container(feed, c, byte);
		return begin_key(feed, c, byte);
	case AT_KEY:
		return begin_key(feed, c, byte);
	case AT_COLON:
		feed->state = AT_VALUE;
		c->at++;
		return byte == ':' ? RP_OK : RP_EFORMAT;
	case AFTER_VALUE:
		if (byte != ',')
			return close_container(feed, c, byte);
		feed->state = is_in_object(feed) ? AT_KEY : AT_VALUE;
		c->at++;
		return RP_OK;
	default:
		return RP_EFORMAT;
	}
}

static int step_string(struct rp_object_feed *feed, struct cursor *c)
{
	const uint8_t *at = c->at;

	while (at < c->end && *at != '"' && *at != '\\' && *at >= ' ')
		at++;
	c->at = at;
	if (at == c->end)
		return RP_OK;
	if (*at < ' ')
		return RP_EFORMAT;
	c->at++;
	if (*at == '\\') {
		feed->state = IN_ESCAPE;
		return RP_OK;
	}
	if (!feed->is_key)
		return end_value(feed, c);
	feed->state = AT_COLON;
	return feed->capture == CAPTURE_KEY ? end_capture(feed, c) : RP_OK;
}

static int step_escape(struct rp_object_feed *feed, struct cursor *c)
{
	uint8_t byte = *c->at++;

	feed->state = byte == 'u' ? IN_HEX : IN_STRING;
	feed->hex_left = 4;
	return byte != '\0' && strchr("\"\\/bfnrtu", byte) != NULL ? RP_OK : RP_EFORMAT;
}

static int step_hex(struct rp_object_feed *feed, struct cursor *c)
{
	uint8_t byte = *c->at++;

	if (--feed->hex_left == 0)
		feed->state = IN_STRING;
	return byte != '\0' && strchr("0123456789abcdefABCDEF", byte) != NULL ? RP_OK : RP_EFORMAT;
}

static int step_word(struct rp_object_feed *feed, struct cursor *c)
{
	if (*c->at++ != (uint8_t)*feed->word++)
		return RP_EFORMAT;
	return *feed->word == '\0' ? end_value(feed, c) : RP_OK;
}

/* A number that is longer than cJSON takes: the nearest double says as much. */
static int shorten_number(struct rp_object_feed *feed, struct cursor *c)
{
	int err = keep(feed, c);
	size_t start = feed->text_bytes - feed->number_bytes;
	double value;
	int bytes;

	if (err != RP_OK || feed->is_too_big)
		return err;
	feed->text[feed->text_bytes] = '\0';
	value = strtod(feed->text + start, NULL);
	if (isinf(value))
		bytes = snprintf(feed->text + start, NUMBER_BYTES_MAX, "%s",
				 value < 0 ? "-1e999" : "1e999");
	else
		bytes = snprintf(feed->text + start, NUMBER_BYTES_MAX, "%.17g", value);
	feed->text_bytes = start + (size_t)bytes;
	return RP_OK;
}

static int end_number(struct rp_object_feed *feed, struct cursor *c)
{
	int err = RP_OK;

	if (feed->capture != CAPTURE_NOTHING && feed->number_bytes > NUMBER_BYTES_MAX)
		err = shorten_number(feed, c);
	return err == RP_OK ? end_value(feed, c) : err;
}

/* The state that a byte of a number leads to; AFTER_VALUE: it does not belong to it. */
static uint8_t next_in_number(uint8_t state, uint8_t byte)
{
	bool is_digit = byte >= '0' && byte <= '9';
	bool is_e = byte == 'e' || byte == 'E';

	switch (state) {
	case AFTER_MINUS:
		return !is_digit ? AFTER_VALUE : byte == '0' ? AFTER_ZERO : IN_INTEGER;
	case AFTER_ZERO:
	case IN_INTEGER:
		if (is_digit && state == IN_INTEGER)
			return IN_INTEGER;
		return byte == '.' ? AFTER_POINT : is_e ? AFTER_E : AFTER_VALUE;
	case AFTER_POINT:
	case IN_FRACTION:
		if (is_digit)
			return IN_FRACTION;
		return is_e && state == IN_FRACTION ? AFTER_E : AFTER_VALUE;
	case AFTER_E:
		if (byte == '+' || byte == '-')
			return AFTER_E_SIGN;
		return is_digit ? IN_EXPONENT : AFTER_VALUE;
	default:
		return is_digit ? IN_EXPONENT : AFTER_VALUE;
	}
}

static int step_number(struct rp_object_feed *feed, struct cursor *c)
{
	uint8_t state = feed->state;
	uint8_t next = next_in_number(state, *c->at);

	if (next == AFTER_VALUE) {
		if (state == AFTER_ZERO || state == IN_INTEGER || state == IN_FRACTION ||
		    state == IN_EXPONENT)
			return end_number(feed, c);
		return RP_EFORMAT;
	}
	feed->state = next;
	feed->number_bytes++;
	c->at++;
	return RP_OK;
}

static int step(struct rp_object_feed *feed, struct cursor *c)
{
	switch (feed->state) {
	case IN_STRING:
		return step_string(feed, c);
	case IN_ESCAPE:
		return step_escape(feed, c);
	case IN_HEX:
		return step_hex(feed, c);
	case IN_WORD:
		return step_word(feed, c);
	default:
		if (feed->state >= AFTER_MINUS)
			return step_number(feed, c);
		return step_between(feed, c);
	}
}

int rp_object_feed_push(struct rp_object_feed *feed, struct rp_bytes piece)
{
	struct cursor c = {.at = piece.ptr, .end = piece.ptr + piece.len, .from = piece.ptr};

	while (feed->err == RP_OK && c.at < c.end)
		feed->err = step(feed, &c);
	if (feed->err == RP_OK)
		feed->err = keep(feed, &c);
	return feed->err;
}

int rp_object_feed_end(const struct rp_object_feed *feed)
{
	if (feed->err != RP_OK)
		return feed->err;
	return feed->state == (feed->array_key != NULL ? AT_END : AT_TOP) ? RP_OK : RP_EFORMAT;
}
