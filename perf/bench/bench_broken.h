/* SPDX-License-Identifier: Apache-2.0
 *
 * Pickers with one fault each, and two without: a thread that answers on a loopback port in clear
 * text. They show that ringpick-bench catches what is wrong.
 */
#ifndef RP_PERF_BENCH_BROKEN_H
#define RP_PERF_BENCH_BROKEN_H

#include "shm/err.h"

/* What the picker does wrong; what ringpick-bench says of it, as the begin of a reason. */
#define RP_BENCH_FAULTS(X)                                                                         \
	X(NONE, "nothing is wrong", NULL)                                                          \
	X(GOES_AWAY, "nothing, but each connection takes one stream", NULL)                        \
	X(NO_METADATA, "the pick is missing in the metadata", "the pick is missing in the")        \
	X(NO_HEADER, "the pick is missing as header", "the pick is missing as header")             \
	X(TWO_PICKS, "header and metadata name different picks", "header and metadata name")       \
	X(OTHER_NAMESPACE, "the metadata is of another namespace", "the pick is missing in the")   \
	X(REQUEST_BYTE, "one byte of the request is flipped", "the request's body came back with") \
	X(REQUEST_SHORT, "one byte of the request is missing", "the request's body ended early")   \
	X(REQUEST_LONG, "one byte too many", "the request's body came back longer")                \
	X(END_MISSING, "end_of_stream is missing", "no answer for")                                \
	X(END_TWICE, "end_of_stream comes twice", "the request's body goes on after its end")      \
	X(END_EARLY, "end_of_stream comes early", "the request's body ended early")                \
	X(ORDER, "the body comes before the headers", "the request's body came before its")        \
	X(WRONG_MUTATION, "the body comes as another mutation", "a reply's body mutation")         \
	X(IMMEDIATE, "an immediate response", "immediate response 503")                            \
	X(STATUS, "grpc-status 13", "grpc-status 13")                                              \
	X(NO_STATUS, "the call ends without grpc-status", "the call ended without grpc-status")    \
	X(ENDED, "the call ends after the request", "the call ended before all was answered")      \
	X(RESET, "RST_STREAM", "the stream was reset, error 2")                                    \
	X(SILENT, "no answer at all", "no answer for")                                             \
	X(CLOSED, "the connection is closed", "connection: ")                                      \
	X(GARBAGE, "what is no protobuf", "a field ")                                              \
	X(COMPRESSED, "a compressed message", "a message is marked as compressed")                 \
	X(RESPONSE_BYTE, "one byte of the answer is flipped", "the response's body came back")     \
	X(CHUNK_SWALLOWED, "a chunk of the answer is missing", "the response's body came back")    \
	X(CHUNK_AGAIN, "a chunk of the answer comes twice", "")                                    \
	X(CHUNKS_SWAPPED, "two chunks of the answer are swapped", "")                              \
	X(RESPONSE_END_MISSING, "the answer has no end_of_stream", "no answer for")                \
	X(RESPONSE_END_EARLY, "the answer ends early", "the response's body ended early")

enum rp_bench_fault {
#define RP_BENCH_FAULT_ENUM(name, what, reason) RP_BENCH_FAULT_##name,
	RP_BENCH_FAULTS(RP_BENCH_FAULT_ENUM)
#undef RP_BENCH_FAULT_ENUM
		RP_BENCH_FAULT_COUNT,
};

struct rp_bench_broken;

/** Start a picker with this fault. @return RP_OK with its port; -errno */
RP_MUST_CHECK int rp_bench_broken_start(enum rp_bench_fault fault, struct rp_bench_broken **ret,
					uint16_t *ret_port);
void rp_bench_broken_stop(struct rp_bench_broken *broken);

/**
 * Run against each of them and tell on stdout what was seen.
 * @return whether each fault was caught, and the right picker was found right
 */
bool rp_bench_self_test(void);

#endif /* RP_PERF_BENCH_BROKEN_H */
