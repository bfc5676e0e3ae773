/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may read the metrics: TokenReview and SubjectAccessReview, with their answers kept for a
 * while (Kubernetes reference 9: tokens a minute, yes five minutes, no thirty seconds). Tokens are
 * kept as hashes.
 */
#ifndef RP_CONTROL_KUBE_REVIEWS_H
#define RP_CONTROL_KUBE_REVIEWS_H

#include "control/kube/client.h"

enum rp_review_verdict {
	RP_REVIEW_ALLOWED,
	RP_REVIEW_UNAUTHENTICATED, /* 401 */
	RP_REVIEW_FORBIDDEN,	   /* 403 */
	RP_REVIEW_FAILED,	   /* 500: nobody could say */
	RP_REVIEW_PENDING,	   /* on_verdict follows */
};

struct rp_reviews;

/* A question on its owner's storage, zeroed at first. */
struct rp_review {
	void (*on_verdict)(struct rp_review *review, enum rp_review_verdict verdict);
	void *user;
	struct rp_reviews *reviews; /* NULL: nothing is asked; the rest is private */
	struct rp_review *next;
	void *entry;
};

RP_MUST_CHECK int rp_reviews_new(struct rp_kube_client *client, struct rp_events *loop,
				 struct rp_reviews **ret_reviews);
void rp_reviews_free(struct rp_reviews *reviews);

/**
 * May the bearer of this token `get` this path?
 * @return RP_REVIEW_PENDING: on_verdict is called once, unless the review is cancelled; else the
 *         answer
 */
RP_MUST_CHECK enum rp_review_verdict rp_review_ask(struct rp_reviews *reviews,
						   struct rp_review *review, struct rp_bytes token,
						   struct rp_bytes path);
void rp_review_cancel(struct rp_review *review);

#endif /* RP_CONTROL_KUBE_REVIEWS_H */
