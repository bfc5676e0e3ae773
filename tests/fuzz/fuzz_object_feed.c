/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte says whether a list or a watch follows. Cut or whole it gives the same objects,
 * and a list that is accepted gives those that cJSON finds in the whole.
 */
#include "control/kube/object_feed.h"
#include "tests/fuzz/fuzz.h"

struct reading {
	int err;
	uint64_t digest;
	size_t objects;
	struct rp_object_feed feed;
};

static void mix_json(uint64_t *digest, const cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	RP_ASSERT(text != NULL);
	fuzz_mix(digest, rp_bytes_str(text));
	cJSON_free(text);
}

static int on_object(void *user, struct rp_bytes type, const cJSON *object)
{
	struct reading *reading = user;

	RP_ASSERT(cJSON_IsObject(object));
	RP_ASSERT((type.len == 0) == (reading->feed.array_key != NULL));
	reading->objects++;
	fuzz_mix(&reading->digest, type);
	mix_json(&reading->digest, object);
	return RP_OK;
}

static int on_too_big(void *user RP_UNUSED)
{
	return RP_ETOOBIG;
}

static const struct rp_object_feed_ops ops = {on_object, on_too_big};

static void read_feed(struct fuzz_cuts cuts, bool is_list, struct reading *reading)
{
	struct rp_bytes piece;

	*reading = (struct reading){.err = RP_OK};
	if (is_list)
		rp_object_feed_init_list(&reading->feed, "items", &ops, reading);
	else
		rp_object_feed_init_watch(&reading->feed, &ops, reading);
	while (reading->err == RP_OK && fuzz_next(&cuts, &piece))
		reading->err = rp_object_feed_push(&reading->feed, piece);
	if (reading->err == RP_OK)
		reading->err = rp_object_feed_end(&reading->feed);
	else
		RP_ASSERT(rp_object_feed_end(&reading->feed) == reading->err);
	rp_object_feed_fini(&reading->feed);
}

/* cJSON takes no longer ones. */
static bool has_long_number(struct rp_bytes in)
{
	size_t run = 0;

	for (size_t i = 0; i < in.len && run <= 60; i++)
		run = in.ptr[i] != '\0' && strchr("0123456789+-.eE", in.ptr[i]) != NULL ? run + 1
											: 0;
	return run > 60;
}

static void compare_with_whole(struct rp_bytes in, const struct reading *reading)
{
	cJSON *list = cJSON_ParseWithLength((const char *)in.ptr, in.len);
	uint64_t digest = 0;
	size_t objects = 0;
	const cJSON *member, *item;

	/* What is skipped is not decoded: half of a surrogate pair goes unnoticed there. */
	if (list == NULL) {
		RP_ASSERT(has_long_number(in) || rp_bytes_find(in, RP_BYTES_LIT("\\u")) < in.len);
		return;
	}
	cJSON_ArrayForEach(member, list)
	{
		if (strcmp(member->string, "items") != 0)
			continue;
		cJSON_ArrayForEach(item, member)
		{
			objects++;
			fuzz_mix(&digest, RP_BYTES_LIT(""));
			mix_json(&digest, item);
		}
	}
	RP_ASSERT(objects == reading->objects);
	RP_ASSERT(has_long_number(in) || digest == reading->digest);
	cJSON_Delete(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes_slice(rp_bytes(data, size), 1, SIZE_MAX);
	bool is_list = size > 0 && data[0] != 'w';
	static struct reading whole, split;

	if (size == 0)
		return 0;
	read_feed(fuzz_whole(in), is_list, &whole);
	read_feed(fuzz_cuts(in), is_list, &split);
	RP_ASSERT(whole.err == split.err);
	RP_ASSERT(whole.objects == split.objects && whole.digest == split.digest);
	RP_ASSERT(strcmp(whole.feed.version, split.feed.version) == 0);
	RP_ASSERT(strcmp(whole.feed.next, split.feed.next) == 0);
	if (is_list && whole.err == RP_OK)
		compare_with_whole(in, &whole);
	return 0;
}
