/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/body.h"

#include <stdlib.h>

static_assert(sizeof(struct rp_body_buf) <= 32, "a buffer with its head fills whole pages");

/* A piece up to this size gets a small buffer also behind others: heads of messages between bodies.
 */
enum { SMALL_PIECE_BYTES = 256 };

void rp_body_pool_init(struct rp_body_pool *pool, uint64_t bytes_max)
{
	*pool = (struct rp_body_pool){.bytes_max = bytes_max};
}

static void free_list(struct rp_body_buf *buf)
{
	while (buf != NULL) {
		struct rp_body_buf *next = buf->next;

		free(buf);
		buf = next;
	}
}

void rp_body_pool_fini(struct rp_body_pool *pool)
{
	RP_ASSERT(pool->bytes_used == 0);
	free_list(pool->free_large);
	free_list(pool->free_small);
	*pool = (struct rp_body_pool){0};
}

static struct rp_body_buf **freelist_of(struct rp_body_pool *pool, uint32_t capacity)
{
	return capacity == RP_BODY_BUF_SMALL_BYTES ? &pool->free_small : &pool->free_large;
}

/* Free kept buffers until `room` more bytes would not exceed the limit. */
static void shed(struct rp_body_pool *pool, struct rp_body_buf **list, uint32_t room)
{
	while (*list != NULL && pool->bytes_used + pool->bytes_kept + room > pool->bytes_max) {
		struct rp_body_buf *buf = *list;

		*list = buf->next;
		pool->bytes_kept -= buf->capacity;
		free(buf);
	}
}

static struct rp_body_buf *buf_take(struct rp_body_pool *pool, uint32_t capacity)
{
	struct rp_body_buf **list = freelist_of(pool, capacity);
	struct rp_body_buf *buf = *list;

	RP_ASSERT(!pool->is_held);
	if (buf != NULL) {
		*list = buf->next;
		pool->bytes_kept -= capacity;
	} else {
		/* Those of the other size give way to a new one. */
		shed(pool,
		     capacity == RP_BODY_BUF_SMALL_BYTES ? &pool->free_large : &pool->free_small,
		     capacity);
		buf = malloc(sizeof(*buf) + capacity);
		if (buf == NULL)
			return NULL;
		buf->capacity = capacity;
		buf->reserved = 0;
	}
	pool->bytes_used += capacity;
	buf->next = NULL;
	buf->begin = 0;
	buf->end = 0;
	return buf;
}

static void buf_give(struct rp_body_pool *pool, struct rp_body_buf *buf)
{
	struct rp_body_buf **list = freelist_of(pool, buf->capacity);

	pool->bytes_used -= buf->capacity;
	if (!pool->is_held &&
	    pool->bytes_used + pool->bytes_kept + buf->capacity > pool->bytes_max) {
		free(buf);
		return;
	}
	pool->bytes_kept += buf->capacity;
	buf->next = *list;
	*list = buf;
}

void rp_body_pool_hold(struct rp_body_pool *pool)
{
	pool->is_held = true;
}

void rp_body_pool_release(struct rp_body_pool *pool)
{
	pool->is_held = false;
	shed(pool, &pool->free_large, 0);
	shed(pool, &pool->free_small, 0);
}

static uint32_t capacity_for(const struct rp_body *body, size_t n)
{
	if (n <= SMALL_PIECE_BYTES || (body->first == NULL && n <= RP_BODY_BUF_SMALL_BYTES))
		return RP_BODY_BUF_SMALL_BYTES;
	return RP_BODY_BUF_BYTES;
}

static void link_last(struct rp_body *body, struct rp_body_buf *buf)
{
	if (body->last != NULL)
		body->last->next = buf;
	else
		body->first = buf;
	body->last = buf;
}

static size_t room_at_end(const struct rp_body *body)
{
	return body->last != NULL ? body->last->capacity - body->last->end : 0;
}

/* Copy to the end; buffers are obtained regardless of the limit. */
static int append(struct rp_body *body, struct rp_body_pool *pool, struct rp_bytes in)
{
	struct rp_body_buf *fresh = NULL;
	size_t left = in.len - rp_min_size(in.len, room_at_end(body));

	/* All buffers first, so that a failure appends nothing. */
	for (struct rp_body_buf **link = &fresh; left > 0; link = &(*link)->next) {
		uint32_t capacity = capacity_for(body, left);

		*link = buf_take(pool, capacity);
		if (*link == NULL) {
			while (fresh != NULL) {
				struct rp_body_buf *next = fresh->next;

				buf_give(pool, fresh);
				fresh = next;
			}
			return RP_ENOMEM;
		}
		left -= rp_min_size(left, capacity);
	}

	body->bytes += in.len;
	while (in.len > 0) {
		if (room_at_end(body) == 0) {
			struct rp_body_buf *buf = fresh;

			fresh = buf->next;
			buf->next = NULL;
			link_last(body, buf);
		}
		struct rp_body_buf *last = body->last;
		size_t n = rp_min_size(in.len, last->capacity - last->end);

		memcpy(last->data + last->end, in.ptr, n);
		last->end += (uint32_t)n;
		in = rp_bytes_slice(in, n, in.len);
	}
	return RP_OK;
}

/* What append() will take out of the pool at most. */
static uint64_t bytes_wanted(const struct rp_body *body, size_t n)
{
	size_t room = room_at_end(body);

	if (n <= room)
		return 0;
	n -= room;
	if (n <= RP_BODY_BUF_SMALL_BYTES)
		return capacity_for(body, n);
	return ((uint64_t)n + RP_BODY_BUF_BYTES - 1) / RP_BODY_BUF_BYTES * RP_BODY_BUF_BYTES;
}

static bool fits(const struct rp_body *body, const struct rp_body_pool *pool, size_t n,
		 uint64_t bytes_max)
{
	uint64_t wanted = bytes_wanted(body, n);

	return wanted == 0 ||
	       (pool->bytes_used <= bytes_max && wanted <= bytes_max - pool->bytes_used);
}

int rp_body_append(struct rp_body *body, struct rp_body_pool *pool, struct rp_bytes in)
{
	return fits(body, pool, in.len, pool->bytes_max) ? append(body, pool, in) : RP_ENOMEM;
}

bool rp_body_upload_fits(const struct rp_body *body, const struct rp_body_pool *pool, size_t n)
{
	return fits(body, pool, n, pool->bytes_max - pool->bytes_max / 4);
}

int rp_body_append_reserve(struct rp_body *body, struct rp_body_pool *pool, struct rp_bytes in)
{
	if (body->bytes + in.len > RP_BODY_RESERVE_BYTES)
		return RP_ENOMEM;
	return append(body, pool, in);
}

/* Put a buffer of its own, holding the bytes, before the others. */
static int prepend(struct rp_body *body, struct rp_body_pool *pool, struct rp_bytes in)
{
	struct rp_body_buf *buf =
		buf_take(pool, in.len <= RP_BODY_BUF_SMALL_BYTES ? RP_BODY_BUF_SMALL_BYTES
								 : RP_BODY_BUF_BYTES);

	if (buf == NULL)
		return RP_ENOMEM;
	memcpy(buf->data, in.ptr, in.len);
	buf->end = (uint32_t)in.len;
	buf->next = body->first;
	body->first = buf;
	if (body->last == NULL)
		body->last = buf;
	body->bytes += in.len;
	return RP_OK;
}

static struct rp_body_buf *unlink_first(struct rp_body *body)
{
	struct rp_body_buf *buf = body->first;

	body->first = buf->next;
	if (body->first == NULL)
		body->last = NULL;
	buf->next = NULL;
	body->bytes -= buf->end - buf->begin;
	return buf;
}

/* Move n bytes, fewer than the first buffer holds: the smaller part of the two is copied. */
static int move_part(struct rp_body *to, struct rp_body *from, size_t n, struct rp_body_pool *pool)
{
	size_t rest = rp_body_front(from).len - n;

	if (n <= rest || n <= room_at_end(to)) {
		int err = append(to, pool, rp_bytes(rp_body_front(from).ptr, n));

		if (err == RP_OK)
			rp_body_take(from, pool, n);
		return err;
	}
	struct rp_body_buf *buf = unlink_first(from);
	int err = prepend(from, pool, rp_bytes(buf->data + buf->begin + n, rest));

	if (err != RP_OK) {
		buf->next = from->first;
		from->first = buf;
		if (from->last == NULL)
			from->last = buf;
		from->bytes += n + rest;
		return err;
	}
	buf->end -= (uint32_t)rest;
	link_last(to, buf);
	to->bytes += n;
	return RP_OK;
}

int rp_body_move(struct rp_body *to, struct rp_body *from, uint64_t n, struct rp_body_pool *pool)
{
	RP_ASSERT(n <= from->bytes);
	while (n > 0) {
		size_t front = rp_body_front(from).len;

		if (n < front)
			return move_part(to, from, (size_t)n, pool);
		struct rp_body_buf *buf = unlink_first(from);

		link_last(to, buf);
		to->bytes += front;
		n -= front;
	}
	return RP_OK;
}

struct rp_bytes rp_body_front(const struct rp_body *body)
{
	const struct rp_body_buf *buf = body->first;

	if (buf == NULL)
		return rp_bytes(NULL, 0);
	return rp_bytes(buf->data + buf->begin, buf->end - buf->begin);
}

void rp_body_take(struct rp_body *body, struct rp_body_pool *pool, size_t n)
{
	struct rp_body_buf *buf = body->first;

	if (n == 0)
		return;
	RP_ASSERT(buf != NULL);
	RP_ASSERT(n <= buf->end - buf->begin);
	buf->begin += (uint32_t)n;
	body->bytes -= n;
	if (buf->begin == buf->end)
		buf_give(pool, unlink_first(body));
}

void rp_body_copy_out(const struct rp_body *body, uint64_t offset, uint8_t *out, size_t n)
{
	RP_ASSERT(offset <= body->bytes && n <= body->bytes - offset);
	for (const struct rp_body_buf *buf = body->first; n > 0; buf = buf->next) {
		uint32_t length = buf->end - buf->begin;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		size_t piece = rp_min_size(n, length - (size_t)offset);

		memcpy(out, buf->data + buf->begin + offset, piece);
		out += piece;
		n -= piece;
		offset = 0;
	}
}

void rp_body_free(struct rp_body *body, struct rp_body_pool *pool)
{
	while (body->first != NULL)
		buf_give(pool, unlink_first(body));
}
