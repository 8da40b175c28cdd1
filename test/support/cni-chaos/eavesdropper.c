/*
 * Tries without end what policy forbids, and listens for it. Arguments: the forbidden port, the permitted port, the outside's address,
 * the first three bytes of the pods' addresses (`10.65.0`), and the paths of network namespaces: first the outside's, then those of
 * pods, which need no interface yet. From every pod datagrams go to the outside, and from the outside to every address of the pods, to
 * both ports. What arrives on the forbidden port is printed at once, a line each; the datagrams that arrived on the permitted port are
 * counted, and printed at the end, which is that of standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FORBIDDEN, PERMITTED, MAX_PLACES = 256, POD_TICK_MS = 4, OUTSIDE_TICKS = 8 };

static struct place {
	int sender, listeners[2];
} places[MAX_PLACES];

static void need(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(1);
}

static struct sockaddr_in address_of(const char *text, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	need(inet_pton(AF_INET, text, &address.sin_addr) == 1, text);
	return address;
}

static int open_socket(int port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	need(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0, "socket");
	return fd;
}

/* What no route leads to yet, or no more, is lost; so is what the kernel refuses for another reason. */
static void send_to(const struct place *place, struct sockaddr_in to)
{
	sendto(place->sender, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
}

int main(int argc, char **argv)
{
	need(argc >= 7 && argc - 5 <= MAX_PLACES, "usage: FORBIDDEN PERMITTED OUTSIDE PODS NETNS…");
	const int ports[2] = {atoi(argv[1]), atoi(argv[2])};
	const int count = argc - 5;
	unsigned long permitted[2] = {0, 0};
	for (int i = 0; i < count; i++) {
		int netns = open(argv[5 + i], O_RDONLY | O_CLOEXEC);
		need(netns >= 0 && setns(netns, CLONE_NEWNET) == 0, argv[5 + i]);
		close(netns);
		places[i] = (struct place){open_socket(0), {open_socket(ports[0]), open_socket(ports[1])}};
	}
	for (unsigned long tick = 0;; tick++) {
		for (int which = FORBIDDEN; which <= PERMITTED; which++) {
			struct sockaddr_in outside = address_of(argv[3], ports[which]);
			for (int i = 1; i < count; i++)
				send_to(&places[i], outside);
			for (int last = 1; tick % OUTSIDE_TICKS == 0 && last < 255; last++) {
				char text[32];
				snprintf(text, sizeof text, "%s.%d", argv[4], last);
				send_to(&places[0], address_of(text, ports[which]));
			}
			for (int i = 0; i < count; i++) {
				struct sockaddr_in from;
				socklen_t length = sizeof from;
				char byte;
				while (recvfrom(places[i].listeners[which], &byte, 1, 0, (struct sockaddr *)&from, &length) >= 0) {
					if (which == PERMITTED)
						permitted[i > 0]++;
					else {
						printf("%s heard %s\n", i ? argv[5 + i] : "the outside", inet_ntoa(from.sin_addr));
						fflush(stdout);
					}
				}
			}
		}
		struct pollfd input = {.fd = 0, .events = POLLIN};
		if (poll(&input, 1, POD_TICK_MS) > 0)
			break;
	}
	printf("permitted: the outside %lu, pods %lu\n", permitted[0], permitted[1]);
	return 0;
}
