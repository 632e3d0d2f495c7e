/*
 * tnef: winmail.dat (MS-OXTNEF): text and attachments that Outlook wrapped. For hostile input.
 */
#pragma once
#include "codec/extract.h"

void tnef_read(slice in, struct extract_limits *l, const struct extract *x);
