/* SPDX-License-Identifier: Apache-2.0
 *
 * First line: a model's name; then a body. A renamed body still parses, has the new model, and is
 * the old one everywhere else. Putting the old name back in passing bytes finds what a search of
 * the whole text finds.
 */
#include <stdlib.h>

#include "dataplane/body_edit.h"
#include "tests/fuzz/openai_bed.h"

static const char path[] = "/v1/completions";

static uint8_t *copy_of(const struct rp_body *body)
{
	uint8_t *text = malloc((size_t)body->bytes + 1);

	RP_ASSERT(text != NULL);
	rp_body_copy_out(body, 0, text, (size_t)body->bytes);
	return text;
}

/* Are both texts the same outside of value_bytes from `at` here, and so many more there? */
static void check_rest(struct rp_bytes before, struct rp_bytes after, uint64_t at,
		       uint64_t value_bytes)
{
	size_t tail = before.len - (size_t)(at + value_bytes);

	RP_ASSERT(after.len >= at + tail);
	RP_ASSERT(rp_bytes_equal(rp_bytes_slice(before, 0, (size_t)at),
				 rp_bytes_slice(after, 0, (size_t)at)));
	RP_ASSERT(rp_bytes_equal(rp_bytes_slice(before, before.len - tail, tail),
				 rp_bytes_slice(after, after.len - tail, tail)));
}

static void check_splice(struct rp_bytes name, struct rp_bytes text)
{
	struct rp_bed *bed = openai_bed();
	struct openai_reading before, after;
	struct rp_request *old = &before.request;
	uint8_t *edited;

	openai_read(rp_bytes_str(path), fuzz_cuts(text), &before);
	if (before.err == RP_OK) {
		old->target_model = name;
		RP_ASSERT(rp_body_splice_model(&before.body, &bed->env.bodies, &bed->arena, old) ==
			  RP_OK);
		edited = copy_of(&before.body);
		check_rest(text, rp_bytes(edited, (size_t)before.body.bytes),
			   old->model_value_bytes > 0 ? old->model_value_offset
						      : old->object_begin_offset,
			   old->model_value_bytes);
		openai_read_body(rp_bytes_str(path), &before.body, &after);
		RP_ASSERT(after.err == RP_OK && after.request.has_model);
		RP_ASSERT(rp_bytes_equal(after.request.incoming_model, name));
		RP_ASSERT(after.request.is_streaming == old->is_streaming);
		RP_ASSERT(after.request.max_tokens == old->max_tokens);
		RP_ASSERT(rp_bytes_equal(after.request.cache_salt, old->cache_salt));
		openai_free(&after);
		free(edited);
	}
	openai_free(&before);
}

/* Length of a match of "model":"<name>" at the beginning of text, 0: none. */
static size_t match_len(struct rp_bytes text, struct rp_bytes quoted, size_t *ret_value_at)
{
	struct rp_bytes key = RP_BYTES_LIT("\"model\":");
	size_t at = key.len;

	if (!rp_bytes_starts_with(text, key))
		return 0;
	if (at < text.len && text.ptr[at] == ' ')
		at++;
	*ret_value_at = at;
	return rp_bytes_starts_with(rp_bytes_slice(text, at, SIZE_MAX), quoted) ? at + quoted.len
										: 0;
}

/* What renaming should make of the whole text. */
static void rename_whole(struct rp_bytes from, struct rp_bytes to, struct rp_bytes text,
			 struct rp_writer *w)
{
	while (text.len > 0) {
		size_t value_at = 0, n = match_len(text, from, &value_at);

		rp_write_bytes(w, rp_bytes_slice(text, 0, n > 0 ? value_at : 1));
		if (n > 0)
			rp_write_bytes(w, to);
		text = rp_bytes_slice(text, n > 0 ? n : 1, SIZE_MAX);
	}
}

static void check_rename(struct rp_bytes name, struct rp_bytes text)
{
	static const struct rp_bytes to = {(const uint8_t *)"model\"", 6};
	struct rp_bed *bed = openai_bed();
	struct rp_model_rename *rename = rp_model_rename_new(&bed->arena, name, to);
	struct fuzz_cuts cuts = fuzz_cuts(text);
	/* The name has no byte to escape; see plain_name(). A match makes a text longer by the
	 * quoted `to` at most, and is longer than 8 bytes itself. */
	size_t room = 2 * text.len + 64;
	uint8_t *wanted = malloc(room), *got;
	uint8_t quoted_name[RP_MODEL_NAME_MAX + 2];
	struct rp_writer w = rp_writer(quoted_name, sizeof(quoted_name));
	struct rp_body out = {0};
	struct rp_bytes piece;

	RP_ASSERT(rename != NULL && wanted != NULL);
	rp_write_u8(&w, '"');
	rp_write_bytes(&w, name);
	rp_write_u8(&w, '"');
	while (fuzz_next(&cuts, &piece))
		RP_ASSERT(rp_model_rename_feed(rename, piece, &out, &bed->env.bodies) == RP_OK);
	RP_ASSERT(rp_model_rename_end(rename, &out, &bed->env.bodies) == RP_OK);
	got = copy_of(&out);
	piece = rp_writer_bytes(&w);
	w = rp_writer(wanted, room);
	rename_whole(piece, RP_BYTES_LIT("\"model\\\"\""), text, &w);
	RP_ASSERT(w.err == RP_OK);
	RP_ASSERT(rp_bytes_equal(rp_writer_bytes(&w), rp_bytes(got, (size_t)out.bytes)));
	rp_body_free(&out, &bed->env.bodies);
	free(got);
	free(wanted);
}

/* A name of bytes that stand in JSON as they are. */
static struct rp_bytes plain_name(struct rp_bytes line, uint8_t out[RP_MODEL_NAME_MAX])
{
	size_t len = rp_min_size(line.len, RP_MODEL_NAME_MAX);

	for (size_t i = 0; i < len; i++) {
		out[i] = line.ptr[i] & 0x7f;
		if (out[i] < 0x20 || out[i] == '"' || out[i] == '\\')
			out[i] = 'm';
	}
	return rp_bytes(out, len);
}

static struct rp_bytes ascii_name(struct rp_bytes line, uint8_t out[RP_MODEL_NAME_MAX])
{
	size_t len = rp_min_size(line.len, RP_MODEL_NAME_MAX);

	for (size_t i = 0; i < len; i++)
		out[i] = line.ptr[i] & 0x7f;
	return rp_bytes(out, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t name[RP_MODEL_NAME_MAX];
	struct rp_bytes text = rp_bytes(data, size);
	struct rp_bytes line = fuzz_line(&text);

	check_splice(ascii_name(line, name), text);
	check_rename(plain_name(line, name), text);
	openai_reset();
	return 0;
}
