"""What every room needs: errors, checks, arrays, progress, files that appear whole, bounded JSON, snapshots."""
