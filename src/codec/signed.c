/*
 * Opaque signed messages (RFC 8551 3.5.2, RFC 5652 5): the content inside, by OpenSSL. Whether the
 * signature is good is not asked here. Called by the reader of attachments.
 */
#include "codec/signed.h"

#include <openssl/cms.h>
#include <openssl/err.h>

enum { INPUT_MAX = 64 << 20 };

void signed_read(slice in, struct extract_limits *l, const struct extract *x)
{
	const unsigned char *p = (const unsigned char *)in.p;
	if (in.n > INPUT_MAX || !extract_take(l, in.n)) {
		x->fact(x->ctx, EXTRACT_LIMIT, S(""));
		return;
	}
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)in.n);
	ASN1_OCTET_STRING **content = NULL;
	if (cms && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed)
		content = CMS_get0_content(cms);
	if (content && *content) {
		slice inner = slice_of(
			ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
		x->file(x->ctx, S(""), inner);
	}
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
}
