#!/usr/bin/perl
# Stands in for update-engine: owns com.coreos.update1 on the system bus and answers GetStatus, with the
# signature of the real one, that it is doing what the first argument says. Only what perl has built in.

my $operation = $ARGV[0] or die "usage: $0 OPERATION\n";

socket(my $bus, 1, 1, 0) or die "socket: $!\n";    # AF_UNIX, SOCK_STREAM
connect($bus, pack("S a108", 1, "/run/dbus/system_bus_socket")) or die "connect: $!\n";
my $serial = 0;

sub put {
  my ($bytes) = @_;
  while (length $bytes) {
    my $count = syswrite($bus, $bytes);
    defined $count or die "write: $!\n";
    $bytes = substr($bytes, $count);
  }
}

sub get {
  my ($length) = @_;
  my $bytes = "";
  while (length($bytes) < $length) {
    sysread($bus, $bytes, $length - length($bytes), length($bytes)) or die "the bus is gone\n";
  }
  return $bytes;
}

sub pad { my ($bytes, $to) = @_; return $bytes . "\0" x (-length($bytes) % $to) }
sub text { return pack("L</a* x", $_[0]) }

# Fields of a header: [code, signature, marshalled value]. Each starts at a multiple of eight.
sub send_message {
  my ($type, $fields, $body) = @_;
  my $array = "";
  for my $field (@$fields) {
    my ($code, $signature, $value) = @$field;
    $array = pad($array, 8) . pack("C C/a* x", $code, $signature) . $value;
  }
  put(pad(pack("a C C C L< L< L<", "l", $type, 0, 1, length($body), ++$serial, length($array)) . $array, 8) . $body);
}

sub call_bus {
  my ($member, $signature, $body) = @_;
  my @fields = (
    [1, "o", text("/org/freedesktop/DBus")],
    [2, "s", text("org.freedesktop.DBus")],
    [3, "s", text($member)],
    [6, "s", text("org.freedesktop.DBus")],
  );
  push @fields, [8, "g", pack("C/a* x", $signature)] if $signature ne "";
  send_message(1, \@fields, $body);
}

sub receive_message {
  my ($order, $type, $flags, $version, $length, $number, $size) = unpack("a C C C L< L< L<", get(16));
  my $array = get($size + (-$size % 8));
  my %fields;
  for (my $at = 0; $at < $size;) {
    $at += -$at % 8;
    my ($code, $signature) = unpack("C C/a*", substr($array, $at));
    $at += 3 + length($signature);
    if ($signature eq "u") { $at += 4 + (-$at % 4); next }
    my $width = $signature eq "g" ? 1 : 4;
    $at += -$at % $width;
    my $count = unpack($width == 1 ? "C" : "L<", substr($array, $at));
    $fields{$code} = substr($array, $at + $width, $count);
    $at += $width + $count + 1;
  }
  get($length);
  return ($type, $number, \%fields);
}

put("\0AUTH EXTERNAL " . unpack("H*", "$<") . "\r\n");
my $answer = "";
$answer .= get(1) until $answer =~ /\r\n$/;
$answer =~ /^OK / or die "the bus answers $answer";
put("BEGIN\r\n");
call_bus("Hello", "", "");
call_bus("RequestName", "su", pad(text("com.coreos.update1"), 4) . pack("L<", 4));

while (1) {
  my ($type, $number, $fields) = receive_message();
  next unless $type == 1;
  my @reply = ([5, "u", pack("L<", $number)], [6, "s", text($fields->{7})]);
  if ($fields->{3} eq "GetStatus") {
    # Last check, progress, operation, new version, new size.
    my $body = pack("q< d<", 0, 0.5) . pad(text($operation), 4) . text("9999.0.0");
    send_message(2, [@reply, [8, "g", pack("C/a* x", "xdssx")]], pad($body, 8) . pack("q<", 400_000_000));
  } else {
    send_message(3, [@reply, [4, "s", text("org.freedesktop.DBus.Error.UnknownMethod")]], "");
  }
}
