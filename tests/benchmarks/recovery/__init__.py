"""What a fault costs in time and in calls paid twice."""
