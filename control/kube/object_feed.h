/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes the objects out of an answer of the API server while it comes in: the elements of a list's
 * array, or the events of a watch, one at a time (API concepts, "Efficient detection of changes").
 * The text is read strictly (RFC 8259), and an object is bounded in bytes and depth before cJSON
 * sees it. How the text is cut makes no difference.
 */
#ifndef RP_CONTROL_KUBE_OBJECT_FEED_H
#define RP_CONTROL_KUBE_OBJECT_FEED_H

#include <cjson/cJSON.h>

#include "shm/bytes.h"
#include "shm/limits.h"

struct rp_object_feed_ops {
	/**
	 * An object, borrowed until the callback returns. An error ends the feed.
	 * @param type  of a watch's event: "ADDED"...; empty in a list
	 */
	int (*on_object)(void *user, struct rp_bytes type, const cJSON *object);
	/** One over RP_KUBE_OBJECT_BYTES_MAX is left out; nothing is known of it. An error ends the
	 * feed. */
	int (*on_too_big)(void *user);
};

struct rp_object_feed {
	const struct rp_object_feed_ops *ops;
	void *user;
	/* Of a list, from its metadata wherever that stands; empty: there is none, or none that is
	 * of use. */
	char version[RP_KUBE_VERSION_BYTES_MAX]; /* metadata.resourceVersion */
	char next[RP_KUBE_CONTINUE_BYTES_MAX];	 /* metadata.continue */
	/* private */
	const char *array_key; /* NULL: a watch */
	int err;
	uint8_t state;
	uint8_t member; /* of the list, that the text is in */
	uint8_t capture;
	uint8_t hex_left;
	bool is_key; /* the string is one */
	bool is_too_big;
	uint32_t depth;
	uint32_t capture_depth;
	uint64_t objects; /* bit d - 1: the container at depth d is an object */
	const char *word; /* what must follow of true, false or null */
	size_t number_bytes;
	char *text; /* captured so far; owned */
	size_t text_bytes;
	size_t text_room;
};

/** @param array_key  the member whose elements are the objects: "items"; not copied */
void rp_object_feed_init_list(struct rp_object_feed *feed, const char *array_key,
			      const struct rp_object_feed_ops *ops, void *user);
void rp_object_feed_init_watch(struct rp_object_feed *feed, const struct rp_object_feed_ops *ops,
			       void *user);
/** A zeroed feed is fine. */
void rp_object_feed_fini(struct rp_object_feed *feed);

/**
 * @return RP_OK; RP_EFORMAT: no JSON, or not of the form; RP_ETOOBIG: nested deeper than
 *         RP_KUBE_JSON_DEPTH_MAX, or the list's metadata are too big; RP_ENOMEM; a callback's
 *         error. After an error the feed takes nothing more.
 */
RP_MUST_CHECK int rp_object_feed_push(struct rp_object_feed *feed, struct rp_bytes piece);
/** No more comes. @return RP_OK; RP_EFORMAT: the text breaks off; the error that there was */
RP_MUST_CHECK int rp_object_feed_end(const struct rp_object_feed *feed);

/** metadata.resourceVersion if a watch can begin at it, else empty. NULL is fine. */
struct rp_bytes rp_object_version(const cJSON *object);

#endif /* RP_CONTROL_KUBE_OBJECT_FEED_H */
