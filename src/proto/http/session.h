/* What the files of proto/http share: session.c (life), input.c, output.c, route.c. */
#pragma once
#include "proto/http/http.h"

struct http_session {
	struct list node;
	struct http_hub *hub;
	struct io *io;
	const struct http_service *service;
	void *arg;
	struct net_addr peer;
	bool waiting; /* between requests */
	struct co *co;
	struct arena mem; /* of the request */
	struct http1_head *head; /* of all requests, one after another */
	struct http h;
	/* Input. */
	enum http1_body body; /* NO_BODY: at its end */
	uint64_t left;
	struct http1_chunks chunks;
	size_t given; /* bytes of the input that the handler looks at now */
	uint64_t received; /* of the body */
	instant began;
	bool continued, broken; /* 100 was sent; the body is malformed or late */
	/* Output. */
	struct buf headers;
	bool begun, chunked, gone; /* the head went out; in chunks; the client is gone */
	int64_t promised; /* Content-Length of pieces, or -1 */
	bool keep; /* the connection lives on */
};

/* input.c: reads a head. 1; 0: nothing more comes; -1: *ret_status says what to answer (0: nothing). */
int http_input_head(struct http_session *s, bool first, unsigned *ret_status);
/* Reads over what the handler left. False: the connection is of no more use. */
bool http_input_rest(struct http_session *s);

/* output.c */
void http_output_start(struct http_session *s);
/* Sends what the handler made. */
void http_output_end(struct http_session *s);

/* route.c: finds the handler and calls it. */
void http_route(struct http *h);
