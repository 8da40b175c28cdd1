// An SCTP packet, sent and seen without a kernel that has SCTP sockets.
//   sctp send ADDRESS PORT   sends an INIT chunk (RFC 9260, section 3.3.2) from port 40000
//   sctp listen              prints `PORT` for each INIT that arrives here by IPv4
//   sctp listen6             the same by IPv6
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// CRC32c as RFC 9260, appendix A asks for; connection tracking drops packets whose checksum is wrong.
static uint32_t crc32c(const uint8_t *bytes, size_t length) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

int main(int argc, char **argv) {
  int ipv6 = argc > 1 && (strcmp(argv[1], "listen6") == 0 || (argc > 2 && strchr(argv[2], ':')));
  int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_RAW, IPPROTO_SCTP);
  if (fd < 0) return perror("socket"), 1;
  if (argc == 4 && strcmp(argv[1], "send") == 0) {
    uint8_t packet[32] = {0};
    uint16_t from = htons(40000), to = htons(atoi(argv[3])), length = htons(20), streams = htons(1);
    uint32_t tag = htonl(1), window = htonl(65536);
    memcpy(packet, &from, 2);
    memcpy(packet + 2, &to, 2);
    packet[12] = 1;  // INIT
    memcpy(packet + 14, &length, 2);
    memcpy(packet + 16, &tag, 4);
    memcpy(packet + 20, &window, 4);
    memcpy(packet + 24, &streams, 2);
    memcpy(packet + 26, &streams, 2);
    memcpy(packet + 28, &tag, 4);
    uint32_t checksum = crc32c(packet, sizeof packet);
    for (int i = 0; i < 4; i++) packet[8 + i] = checksum >> 8 * i;
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    inet_pton(ipv6 ? AF_INET6 : AF_INET, argv[2], ipv6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr);
    struct sockaddr *destination = ipv6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t size = ipv6 ? sizeof six : sizeof four;
    if (sendto(fd, packet, sizeof packet, 0, destination, size) < 0) return perror("sendto"), 1;
    return 0;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    uint8_t packet[2048];
    ssize_t length = recv(fd, packet, sizeof packet, 0);
    // A raw socket of IPv6 leaves the header out (RFC 3542, section 3).
    size_t header = ipv6 ? 0 : (packet[0] & 15) * 4;
    if (length < (ssize_t)header + 13 || packet[header + 12] != 1) continue;
    printf("%d\n", packet[header + 2] << 8 | packet[header + 3]);
    fflush(stdout);
  }
}
