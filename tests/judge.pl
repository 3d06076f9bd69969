#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# judge.pl PROGRAM...: reads the output of test programs as it comes, each between the lines
# "### start PROGRAM" and "### end STATUS". Shows it without the harness's own comments, parses it with
# TAP::Parser, and prints the line "N passed, N failed, N skipped" in the end. Programs that did not run count
# as failed.

use strict;
use warnings;
use TAP::Parser;

$| = 1;
my %missing = map { $_ => 1 } @ARGV;
my ($passed, $failed, $skipped) = (0, 0, 0);
my @failures;

sub fail {
	my ($what) = @_;
	push @failures, $what;
	$failed++;
}

# Counts the results of a program, given what it printed and its exit status.
sub judge {
	my ($program, $text, $status) = @_;
	my $before = $failed;
	return fail("$program: printed nothing, ended with status $status") if $text !~ /\S/;

	my $parser = TAP::Parser->new({ tap => $text });

	while (my $result = $parser->next) {
		next unless $result->is_test;
		my $name = "$program: " . $result->description =~ s/^- //r;
		if (!$result->is_actual_ok) {
			fail($name);
		} elsif ($result->has_skip) {
			$skipped++;
		} else {
			$passed++;
		}
	}
	$skipped++ if $parser->skip_all;
	fail("$program: $_") for grep { !/^Bad plan/ } $parser->parse_errors;
	my $planned = $parser->tests_planned // 0;
	fail("$program: planned $planned tests and ran " . $parser->tests_run)
		if $planned != $parser->tests_run;
	fail("$program: ended with status $status") if $status && $failed == $before;
}

my ($program, $text);
while (my $line = <STDIN>) {
	if ($line =~ /^### start (\S+)/) {
		($program, $text) = ($1, '');
		delete $missing{$program};
		print "\n# $program\n";
	} elsif ($line =~ /^### end (\d+)/) {
		# The line can also tell the end of the guest: after the last program, or in the midst of one.
		defined $program ? judge($program, $text, $1) : fail("the guest ended with status $1");
		undef $program;
	} elsif (defined $program) {
		$text .= $line;
		print $line unless $line =~ /^#( +RUN| +OK| Starting| PASSED| FAILED| Totals)|^TAP version/;
	} else {
		print $line;
	}
}
judge($program, $text, 'unknown: it did not come to its end') if defined $program;
fail("$_: did not run") for sort keys %missing;
fail('there was no test') unless $passed + $failed;

print "\n";
print "FAILED $_\n" for @failures;
print "$passed passed, $failed failed", $skipped ? ", $skipped skipped" : '', "\n";
exit($failed ? 1 : 0);
