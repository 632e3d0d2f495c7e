/* Writing heads of HTTP/1.1 messages (http1.h): RFC 9112 3, 4; RFC 9110 5.6.7, 15. Called by proto/http. */
#include "codec/http1.h"

#include "base/time.h"
#include <stdio.h>
#include <time.h>

const char *http1_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} all[] = {{100, "Continue"}, {200, "OK"}, {202, "Accepted"}, {204, "No Content"},
		{206, "Partial Content"}, {301, "Moved Permanently"}, {303, "See Other"},
		{304, "Not Modified"}, {307, "Temporary Redirect"}, {400, "Bad Request"},
		{401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"},
		{409, "Conflict"}, {410, "Gone"}, {411, "Length Required"},
		{413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
		{421, "Misdirected Request"}, {422, "Unprocessable Content"},
		{429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"}, {501, "Not Implemented"},
		{503, "Service Unavailable"}, {504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].status == status)
			return all[i].reason;
	return "Unknown";
}

void http1_put_request(struct buf *out, slice method, slice target, slice host)
{
	buf_printf(out, "%.*s %.*s HTTP/1.1\r\nHost: %.*s\r\n", SFMT(method), SFMT(target),
		SFMT(host));
}

void http1_put_status(struct buf *out, unsigned status)
{
	buf_printf(out, "HTTP/1.1 %u %s\r\n", status, http1_reason(status));
}

bool http1_put_field(struct buf *out, slice name, slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (((unsigned char)value.p[i] < 0x20 && value.p[i] != '\t') || value.p[i] == 0x7f)
			return false;
	buf_printf(out, "%.*s: %.*s\r\n", SFMT(name), SFMT(value));
	return true;
}

size_t http1_date(int64_t wall, char out[HTTP1_DATE_MAX])
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)(wall / SECOND);
	struct tm tm;
	gmtime_r(&t, &tm);
	int n = snprintf(out, HTTP1_DATE_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		days + 3 * tm.tm_wday, tm.tm_mday % 100, months + 3 * tm.tm_mon,
		(tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return n < HTTP1_DATE_MAX ? (size_t)n : HTTP1_DATE_MAX - 1;
}
