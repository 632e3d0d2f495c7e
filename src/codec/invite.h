/*
 * invite: calendar invitations (RFC 5545) and address cards (RFC 6350): text and links. For
 * hostile input.
 */
#pragma once
#include "codec/extract.h"

void invite_read(slice in, struct extract_limits *l, const struct extract *x);
