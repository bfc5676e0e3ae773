/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/object.h"

#include "shm/limits.h"

const cJSON *rp_kube_member(const cJSON *object, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsObject(member) ? member : NULL;
}

static struct rp_bytes text_of(const cJSON *value)
{
	return cJSON_IsString(value) ? rp_bytes_str(value->valuestring) : RP_BYTES_LIT("");
}

struct rp_bytes rp_kube_text(const cJSON *object, const char *name)
{
	return text_of(cJSON_GetObjectItemCaseSensitive(object, name));
}

int rp_kube_name(const cJSON *object, struct rp_bytes *ret_name)
{
	*ret_name = rp_kube_text(rp_kube_member(object, "metadata"), "name");
	return ret_name->len > 0 && ret_name->len <= RP_KUBE_NAME_MAX ? RP_OK : RP_EFORMAT;
}

bool rp_kube_is_deleting(const cJSON *object)
{
	const cJSON *stamp = cJSON_GetObjectItemCaseSensitive(rp_kube_member(object, "metadata"),
							      "deletionTimestamp");

	return stamp != NULL && !cJSON_IsNull(stamp);
}

int rp_kube_compare(struct rp_bytes a, struct rp_bytes b)
{
	size_t len = rp_min_size(a.len, b.len);
	int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Where a key stands, or should. */
static uint32_t place_of(const struct rp_kube_pair *pair, uint32_t count, struct rp_bytes key)
{
	uint32_t low = 0;
	uint32_t high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (rp_kube_compare(pair[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t rp_kube_pairs(const cJSON *map, size_t key_value_bytes_max, struct rp_kube_pair *pair,
		       uint32_t max, bool *ret_left_out)
{
	uint32_t count = 0;
	const cJSON *item;

	*ret_left_out = false;
	cJSON_ArrayForEach(item, map)
	{
		struct rp_kube_pair next = {rp_bytes_str(item->string), text_of(item)};
		uint32_t at = place_of(pair, count, next.key);

		if (next.key.len + next.value.len > key_value_bytes_max) {
			*ret_left_out = true;
			continue;
		}
		if (at < count && rp_bytes_equal(pair[at].key, next.key)) {
			pair[at] = next;
			continue;
		}
		if (count == max) {
			*ret_left_out = true;
			if (at == max)
				continue;
			count--; /* the last one makes room */
		}
		memmove(&pair[at + 1], &pair[at], (count - at) * sizeof(*pair));
		pair[at] = next;
		count++;
	}
	return count;
}
