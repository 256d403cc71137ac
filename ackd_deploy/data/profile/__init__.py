"""What a user's data holds: columns, task, balance, lengths, and everything in it that will cost quality."""

from ackd_deploy.data.profile.build import profile_parts
from ackd_deploy.data.profile.record import ClassCount, Finding, Lengths, PartCount, Profile, TargetRange

__all__ = ["ClassCount", "Finding", "Lengths", "PartCount", "Profile", "TargetRange", "profile_parts"]
