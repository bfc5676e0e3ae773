/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/body_edit.h"

static const char model_key[] = "\"model\":";

enum {
	KEY_BYTES = sizeof(model_key) - 1,
	/* A name may become six times as long by escapes; the quotes; a blank. */
	VALUE_BYTES_MAX = 6 * RP_MODEL_NAME_MAX + 2,
	HELD_BYTES_MAX = KEY_BYTES + 1 + VALUE_BYTES_MAX,
};

/* A JSON string with its quotes. */
static void write_quoted(struct rp_writer *w, struct rp_bytes text)
{
	static const char hex[] = "0123456789abcdef";

	rp_write_u8(w, '"');
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '"' || c == '\\') {
			rp_write_u8(w, '\\');
			rp_write_u8(w, c);
		} else if (c < 0x20) {
			rp_write_str(w, "\\u00");
			rp_write_u8(w, (uint8_t)hex[c >> 4]);
			rp_write_u8(w, (uint8_t)hex[c & 15]);
		} else {
			rp_write_u8(w, c);
		}
	}
	rp_write_u8(w, '"');
}

int rp_body_splice_model(struct rp_body *body, struct rp_body_pool *pool, struct rp_arena *arena,
			 const struct rp_request *request)
{
	bool is_replaced = request->model_value_bytes > 0;
	size_t bytes = KEY_BYTES + 6 * request->target_model.len + 3;
	uint8_t *storage = rp_arena_alloc(arena, bytes);
	struct rp_body edited = {0};
	uint64_t drop;
	struct rp_writer w;
	size_t n;
	int err;

	if (storage == NULL)
		return RP_ENOMEM;
	w = rp_writer(storage, bytes);
	if (!is_replaced)
		rp_write_str(&w, model_key);
	write_quoted(&w, request->target_model);
	if (!is_replaced && !request->is_object_empty)
		rp_write_u8(&w, ',');

	err = rp_body_move(&edited, body,
			   is_replaced ? request->model_value_offset : request->object_begin_offset,
			   pool);
	for (drop = request->model_value_bytes; err == RP_OK && drop > 0; drop -= n) {
		n = rp_body_front(body).len;
		if (n > drop)
			n = (size_t)drop;
		rp_body_take(body, pool, n);
	}
	if (err == RP_OK)
		err = rp_body_append(&edited, pool, rp_writer_bytes(&w));
	if (err == RP_OK)
		err = rp_body_move(&edited, body, body->bytes, pool);
	rp_body_free(body, pool);
	*body = edited;
	return err;
}

struct rp_model_rename {
	struct rp_bytes from; /* quoted and escaped, as they stand in JSON */
	struct rp_bytes to;
	uint32_t
		matched; /* bytes of model_key and `from` that stand held back, without the blank */
	bool has_blank;
};

static struct rp_bytes quoted_copy(struct rp_arena *arena, struct rp_bytes text)
{
	uint8_t storage[VALUE_BYTES_MAX];
	struct rp_writer w = rp_writer(storage, sizeof(storage));

	write_quoted(&w, text);
	return w.err == RP_OK ? rp_arena_copy(arena, rp_writer_bytes(&w)) : rp_bytes(NULL, 0);
}

struct rp_model_rename *rp_model_rename_new(struct rp_arena *arena, struct rp_bytes from,
					    struct rp_bytes to)
{
	struct rp_model_rename *rename = rp_arena_calloc(arena, sizeof(*rename));

	if (rename == NULL)
		return NULL;
	rename->from = quoted_copy(arena, from);
	rename->to = quoted_copy(arena, to);
	return rename->from.ptr == NULL || rename->to.ptr == NULL ? NULL : rename;
}

static bool is_held(const struct rp_model_rename *rename)
{
	return rename->matched > 0;
}

/* Does the pattern go on with c? */
static bool step(struct rp_model_rename *rename, uint8_t c)
{
	if (rename->matched == KEY_BYTES && c == ' ' && !rename->has_blank) {
		rename->has_blank = true;
		return true;
	}
	if (c != (rename->matched < KEY_BYTES ? (uint8_t)model_key[rename->matched]
					      : rename->from.ptr[rename->matched - KEY_BYTES]))
		return false;
	rename->matched++;
	return true;
}

static bool is_complete(const struct rp_model_rename *rename)
{
	return rename->matched == KEY_BYTES + rename->from.len;
}

static void forget(struct rp_model_rename *rename)
{
	rename->matched = 0;
	rename->has_blank = false;
}

/* The bytes held back, or with the match complete what takes their place. */
static void write_held(const struct rp_model_rename *rename, struct rp_bytes value,
		       struct rp_writer *w)
{
	rp_write_bytes(w, rp_bytes(model_key, rp_min_size(rename->matched, KEY_BYTES)));
	if (rename->has_blank)
		rp_write_u8(w, ' ');
	if (rename->matched > KEY_BYTES)
		rp_write_bytes(w, rp_bytes_slice(value, 0, rename->matched - KEY_BYTES));
}

/* Start the match anew at text[from]. @return true: all the rest of text is held */
static bool restart(struct rp_model_rename *rename, struct rp_bytes text, size_t from)
{
	forget(rename);
	for (size_t i = from; i < text.len; i++) {
		if (!step(rename, text.ptr[i])) {
			forget(rename);
			return false;
		}
	}
	return true;
}

/* c broke the match: of what was held, a later part may begin another one. */
static int fall_back(struct rp_model_rename *rename, uint8_t c, struct rp_body *out,
		     struct rp_body_pool *pool)
{
	uint8_t storage[HELD_BYTES_MAX + 1];
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	size_t keep;

	write_held(rename, rename->from, &w);
	rp_write_u8(&w, c);
	RP_ASSERT(w.err == RP_OK);
	for (keep = 1; keep < rp_written(&w); keep++) {
		if (storage[keep] == '"' && restart(rename, rp_writer_bytes(&w), keep))
			break;
	}
	if (keep == rp_written(&w))
		forget(rename);
	return rp_body_append(out, pool, rp_bytes(storage, keep));
}

static int put_renamed(struct rp_model_rename *rename, struct rp_body *out,
		       struct rp_body_pool *pool)
{
	uint8_t storage[KEY_BYTES + 1];
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	int err;

	rename->matched = KEY_BYTES;
	write_held(rename, rename->from, &w);
	forget(rename);
	err = rp_body_append(out, pool, rp_writer_bytes(&w));
	return err != RP_OK ? err : rp_body_append(out, pool, rename->to);
}

int rp_model_rename_feed(struct rp_model_rename *rename, struct rp_bytes chunk, struct rp_body *out,
			 struct rp_body_pool *pool)
{
	const uint8_t *quote;
	size_t n;
	int err = RP_OK;

	while (err == RP_OK && chunk.len > 0) {
		if (!is_held(rename)) {
			quote = memchr(chunk.ptr, '"', chunk.len);
			n = quote == NULL ? chunk.len : (size_t)(quote - chunk.ptr);
			if (n > 0)
				err = rp_body_append(out, pool, rp_bytes_slice(chunk, 0, n));
			chunk = rp_bytes_slice(chunk, n, chunk.len);
			if (chunk.len == 0)
				break;
		}
		if (!step(rename, chunk.ptr[0]))
			err = fall_back(rename, chunk.ptr[0], out, pool);
		else if (is_complete(rename))
			err = put_renamed(rename, out, pool);
		chunk = rp_bytes_slice(chunk, 1, chunk.len);
	}
	return err;
}

int rp_model_rename_end(struct rp_model_rename *rename, struct rp_body *out,
			struct rp_body_pool *pool)
{
	uint8_t storage[HELD_BYTES_MAX];
	struct rp_writer w = rp_writer(storage, sizeof(storage));

	if (!is_held(rename))
		return RP_OK;
	write_held(rename, rename->from, &w);
	forget(rename);
	return rp_body_append(out, pool, rp_writer_bytes(&w));
}
