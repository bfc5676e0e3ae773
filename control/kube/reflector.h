/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps a copy of the objects of one kind up to date: lists them page by page, then watches from
 * there, and lists again when the watch cannot be continued (Kubernetes reference 5.2; API
 * concepts, "Efficient detection of changes"). What it knows of the server's history is a
 * resourceVersion; the objects are their owner's.
 */
#ifndef RP_CONTROL_KUBE_REFLECTOR_H
#define RP_CONTROL_KUBE_REFLECTOR_H

#include <cjson/cJSON.h>

#include "control/kube/client.h"

enum rp_reflector_state {
	RP_REFLECTOR_LISTING, /* the first list is under way */
	RP_REFLECTOR_SYNCED,  /* the last list is complete and a watch runs, or is about to */
	RP_REFLECTOR_FAILING, /* trying again; `text` says why */
	RP_REFLECTOR_DENIED,  /* 403 */
	RP_REFLECTOR_ABSENT,  /* 404: the kind is not served */
};

/*
 * What the owner hears. Objects are borrowed until the callback returns. None of the callbacks may
 * free the reflector, on_state excepted.
 */
struct rp_reflector_ops {
	/** A list begins: what comes until on_list_end() is all there is. */
	void (*on_list_begin)(void *user);
	/** It is complete: whatever it did not show is gone. */
	void (*on_list_end)(void *user);
	/** It failed: forget what it showed, what was known before still holds. */
	void (*on_list_fail)(void *user);
	/** An object of a list, or one that was added or changed. */
	void (*on_object)(void *user, const cJSON *object);
	/** An object was deleted, or no longer matches the selector; only its name and namespace
	 * count. */
	void (*on_delete)(void *user, const cJSON *object);
	/** Called when the state or its text changes; logs are the reflector's own. */
	void (*on_state)(void *user, enum rp_reflector_state state, const char *text);
};

struct rp_reflector_spec {
	const char *what;	    /* for logs: "pods"; not copied */
	const char *path;	    /* of the collection; copied */
	const char *label_selector; /* not encoded; copied; "": none */
	const char *field_selector;
	bool is_optional; /* 403 and 404 are told once, and tried again after up to five minutes and
			     after a minute; else each try is told, at growing distances */
};

struct rp_reflector;

/** Begin to list in the next turn of the loop. @return RP_OK; RP_ENOMEM */
RP_MUST_CHECK int rp_reflector_new(struct rp_kube_client *client, struct rp_events *loop,
				   const struct rp_reflector_spec *spec,
				   const struct rp_reflector_ops *ops, void *user,
				   struct rp_reflector **ret_reflector);
/** NULL is fine. */
void rp_reflector_free(struct rp_reflector *reflector);

#endif /* RP_CONTROL_KUBE_REFLECTOR_H */
